/** One registration over MQTT as a device does it (dps-wire 2), on a bare connection. */
import type { TLSSocket } from 'node:tls';
import { generate, parser, type IPublishPacket, type Packet } from 'mqtt-packet';
import type { Credentials } from './service-credentials.ts';
import type { Registered } from './service-https-driver.ts';
import { nowMs } from './runner.ts';

const responses = '$dps/registrations/res/#';
const maxPolls = 200;

interface Answer {
  readonly status: number;
  readonly json: { readonly operationId?: string; readonly status?: string };
}

export async function registerOverMqtt(socket: TLSSocket, device: Credentials): Promise<Registered> {
  const session = sessionOn(socket);
  const startMs = nowMs();
  await session.connect(device);
  let responseMs = nowMs() - startMs;
  const ask = async (topic: string, text: string): Promise<Answer> => {
    const askedMs = nowMs();
    const answer = await session.ask(topic, text);
    responseMs += nowMs() - askedMs;
    return answer;
  };
  let answer = await ask('$dps/registrations/PUT/iotdps-register/?$rid=1', device.body);
  if (answer.status !== 202) throw new Error(`register ended with ${answer.status}`);
  for (let polls = 1; polls <= maxPolls; polls += 1) {
    const operation = answer.json.operationId ?? '';
    const topic = `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=${polls + 1}&operationId=${operation}`;
    answer = await ask(topic, ' ');
    if (answer.json.status === 'assigned') return { polls, responseMs };
    if (answer.status !== 202) throw new Error(`a poll ended with ${answer.status}`);
  }
  throw new Error('never assigned');
}

/** Connected, subscribed, and quiet from then on. */
export async function idleOverMqtt(socket: TLSSocket, device: Credentials): Promise<void> {
  await sessionOn(socket).connect(device);
}

function sessionOn(socket: TLSSocket) {
  const reader = parser({ protocolVersion: 4 });
  let waiting: { cmd: string; resolve: (packet: Packet) => void; reject: (error: Error) => void } | undefined;
  reader.on('packet', (packet: Packet) => {
    if (packet.cmd === 'publish' && packet.qos === 1) {
      socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }));
    }
    if (packet.cmd === waiting?.cmd) waiting.resolve(packet);
  });
  reader.on('error', (error: Error) => waiting?.reject(error));
  socket.on('data', (bytes: Buffer) => void reader.parse(bytes));
  socket.on('close', () => waiting?.reject(new Error('the connection was closed')));
  const exchange = (sent: Packet, cmd: string): Promise<Packet> =>
    new Promise((resolve, reject) => {
      waiting = { cmd, resolve, reject };
      socket.write(generate(sent));
    });
  return {
    async connect({ idScope, registrationId, authorization }: Credentials): Promise<void> {
      const connected = await exchange(
        {
          ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0 },
          clientId: registrationId,
          username: `${idScope}/registrations/${registrationId}/api-version=2019-03-31&ClientVersion=bench`,
          ...(authorization === undefined ? {} : { password: Buffer.from(authorization) }),
        },
        'connack',
      );
      if (connected.cmd !== 'connack' || connected.returnCode !== 0) throw new Error('the connection was refused');
      await exchange({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: responses, qos: 1 }] }, 'suback');
    },
    async ask(topic: string, text: string): Promise<Answer> {
      const sent = { cmd: 'publish', qos: 1, dup: false, retain: false, messageId: 2 } as const;
      const packet = (await exchange({ ...sent, topic, payload: text }, 'publish')) as IPublishPacket;
      const [, status] = /^\$dps\/registrations\/res\/(\d+)\//.exec(packet.topic) ?? [];
      return { status: Number(status), json: JSON.parse(packet.payload.toString()) as Answer['json'] };
    },
  };
}
