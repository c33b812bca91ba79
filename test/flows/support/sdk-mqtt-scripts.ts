/**
 * How the provisioning clients of the other SDKs talk over MQTT, packet by packet, with each one's own reading of our
 * topics and bodies (dps-wire 2): whatever would stop that SDK throws here. Written from the wire document.
 */
import { createHmac } from 'node:crypto';
import type { Packet } from 'mqtt-packet';
import type { BareMqtt } from './bare-mqtt.ts';
import { publishPacket, register, status, subscribePacket } from './mqtt-bed.ts';

export interface Device {
  readonly connection: BareMqtt;
  readonly idScope: string;
  readonly registrationId: string;
  /** Of an enrollment; without one the TLS certificate is the proof. */
  readonly key: Uint8Array | undefined;
  readonly nowS: number;
  /** Before it asks again. */
  pause(): Promise<void>;
}

export interface Outcome {
  readonly assignedHub: string;
  readonly deviceId: string;
  readonly polls: number;
}

export interface SdkScript {
  readonly name: string;
  readonly webSocket: { readonly path: string; readonly protocol: string };
  readonly tls?: { readonly maxVersion: 'TLSv1.2' };
  run(device: Device): Promise<Outcome>;
}

interface Reply {
  readonly status: number;
  readonly operationId: string;
  readonly state: string;
  readonly registrationState: Record<string, unknown> | undefined;
}

const prefix = '$dps/registrations/res/';
const maxPolls = 400;

function fail(sdk: string, why: string): never {
  throw new Error(`${sdk} would fail here: ${why}`);
}

/** dps-wire 1.7: signed over `sr` as it is spelled. */
function token(device: Device, sr: string, keyName: string | undefined): string | undefined {
  if (device.key === undefined) return undefined;
  const se = device.nowS + 3_600;
  const sig = encodeURIComponent(createHmac('sha256', device.key).update(`${sr}\n${se}`).digest('base64'));
  const skn = keyName === undefined ? '' : `&skn=${keyName}`;
  return `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}${skn}`;
}

interface Hello {
  readonly clean: boolean;
  readonly keepalive: number;
  readonly clientVersion: string;
  readonly apiVersion: string;
  readonly password: string | undefined;
}

function connect(device: Device, hello: Hello): Packet {
  const parameters = `api-version=${hello.apiVersion}&ClientVersion=${hello.clientVersion}`;
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: hello.clean,
    keepalive: hello.keepalive,
    clientId: device.registrationId,
    username: `${device.idScope}/registrations/${device.registrationId}/${parameters}`,
    ...(hello.password === undefined ? {} : { password: Buffer.from(hello.password) }),
  };
}

async function expectPacket<C extends Packet['cmd']>(
  sdk: string,
  device: Device,
  cmd: C,
): Promise<Packet & { readonly cmd: C }> {
  const packet = await device.connection.next();
  if (packet.cmd !== cmd) fail(sdk, `it waits for ${cmd}, and ${packet.cmd} comes`);
  return packet as Packet & { readonly cmd: C };
}

function bodyOf(sdk: string, payload: Buffer | string): Record<string, unknown> {
  const text = payload.toString();
  // eslint-disable-next-line no-control-regex -- one client reads the bytes as ASCII
  if (!/^[\x00-\x7f]*$/.test(text)) fail(sdk, 'the body is not ASCII');
  return JSON.parse(text) as Record<string, unknown>;
}

function textOf(sdk: string, json: Record<string, unknown>, member: string): string {
  const value = json[member];
  return typeof value === 'string' && value !== '' ? value : fail(sdk, `${member} is missing`);
}

function replyOf(sdk: string, code: number, json: Record<string, unknown>): Reply {
  if (!(code >= 200 && code < 300)) fail(sdk, `status ${code}: ${JSON.stringify(json)}`);
  const state = json['registrationState'];
  return {
    status: code,
    operationId: textOf(sdk, json, 'operationId'),
    state: textOf(sdk, json, 'status'),
    registrationState: typeof state === 'object' && state !== null ? (state as Record<string, unknown>) : undefined,
  };
}

function outcomeOf(sdk: string, reply: Reply, polls: number): Outcome {
  if (reply.state !== 'assigned') fail(sdk, `the status is ${reply.state}`);
  const state = reply.registrationState ?? fail(sdk, 'the registration state is missing');
  return { assignedHub: textOf(sdk, state, 'assignedHub'), deviceId: textOf(sdk, state, 'deviceId'), polls };
}

type Ask = (path: string, requestId: string, body: string) => Promise<Reply>;

/** Register, then poll with the operation id of the newest answer. */
async function flow(sdk: string, device: Device, how: { ask: Ask; ids: () => string; bodies: readonly string[] }) {
  const [registerBody = '', pollBody = ''] = how.bodies;
  const first = how.ids();
  let reply = await how.ask(`${register}?$rid=${first}`, first, registerBody);
  if (reply.state !== 'assigning') fail(sdk, `the first status is ${reply.state}`);
  for (let polls = 1; polls < maxPolls; polls += 1) {
    await device.pause();
    const id = how.ids();
    reply = await how.ask(`${status}?$rid=${id}&operationId=${reply.operationId}`, id, pollBody);
    if (reply.state !== 'assigning') return outcomeOf(sdk, reply, polls);
  }
  return fail(sdk, 'it is never assigned');
}

function counter(): () => string {
  let last = 0;
  return () => {
    last += 1;
    return String(last);
  };
}

const c: SdkScript = {
  name: 'C',
  webSocket: { path: '/$iothub/websocket', protocol: 'MQTT' },
  async run(device) {
    const { connection, registrationId } = device;
    const password = token(device, `${device.idScope}%2fregistrations%2f${registrationId}`, 'registration');
    const hello = { clean: true, keepalive: 0, clientVersion: 'prov_device_client%2F1.0', apiVersion: '2021-06-01' };
    connection.send(connect(device, { ...hello, password }));
    const connack = await expectPacket('C', device, 'connack');
    if (connack.returnCode !== 0) fail('C', `CONNACK ${connack.returnCode}`);
    connection.send(subscribePacket());
    await expectPacket('C', device, 'suback');
    const body = JSON.stringify({ registrationId });
    const ask: Ask = async (topic, _id, payload) => {
      connection.send(publishPacket(topic, payload, 0));
      const answer = await expectPacket('C', device, 'publish');
      if (answer.messageId !== undefined) connection.send({ cmd: 'puback', messageId: answer.messageId });
      if (!answer.topic.startsWith(prefix)) fail('C', 'it does not know the topic');
      const code = Number.parseInt(answer.topic.slice(prefix.length), 10);
      const waits = /retry-after=(\d+)/.exec(answer.topic)?.[1];
      if (waits !== undefined && !(Number(waits) >= 1 && Number(waits) <= 300)) fail('C', `it waits ${waits} s`);
      const reply = replyOf('C', code, bodyOf('C', answer.payload));
      // compared letter by letter; `unassigned` is a TPM's challenge to it
      if (!['assigning', 'assigned', 'failed', 'disabled'].includes(reply.state)) fail('C', `status ${reply.state}`);
      return reply;
    };
    return flow('C', device, { ask, ids: counter(), bodies: [body, body] });
  },
};

/** A strict state machine: each packet in its turn, anything else is an error. */
const cSharp: SdkScript = {
  name: 'C#',
  webSocket: { path: '/', protocol: 'mqtt' },
  async run(device) {
    const { connection, registrationId } = device;
    const password = token(device, `${device.idScope}%2Fregistrations%2F${registrationId}`, 'registration');
    const hello = { clean: true, keepalive: 0, clientVersion: 'sdk%2F1.19', apiVersion: '2019-03-31' };
    connection.send(connect(device, { ...hello, password }));
    const connack = await expectPacket('C#', device, 'connack');
    if (connack.returnCode !== 0 || connack.sessionPresent) fail('C#', 'the session is present or refused');
    connection.send(subscribePacket());
    const suback = await expectPacket('C#', device, 'suback');
    if (suback.messageId !== 1 || suback.granted[0] !== 1) fail('C#', 'the subscription is not granted');
    let packetId = 1;
    const ask: Ask = async (topic, id, payload) => {
      packetId += 1;
      connection.send(publishPacket(topic, payload, 1, packetId));
      const puback = await expectPacket('C#', device, 'puback');
      if (puback.messageId !== packetId) fail('C#', 'another packet is acknowledged');
      const answer = await expectPacket('C#', device, 'publish');
      // it acknowledges whatever comes, and an id of 0 ends its channel
      if (answer.qos !== 1 || answer.messageId === undefined) fail('C#', 'the answer has no packet id');
      connection.send({ cmd: 'puback', messageId: answer.messageId });
      const found = /^\$dps\/registrations\/res\/(.*?)\/\?\$rid=(.*?)$/.exec(answer.topic);
      if (found?.[2]?.startsWith(id) !== true) fail('C#', `it does not read ${answer.topic}`);
      return replyOf('C#', Number(found[1]), bodyOf('C#', answer.payload));
    };
    const outcome = await flow('C#', device, { ask, ids: counter(), bodies: ['', ''] });
    connection.send({ cmd: 'disconnect' });
    const late = await connection.ended();
    if (late.length > 0) fail('C#', `after its DISCONNECT comes ${late[0]?.cmd ?? ''}`);
    return outcome;
  },
};

/** Reads the topic by splitting it at `$`, `&` and `=`. */
function pythonTopic(topic: string): { readonly code: number; readonly parameters: ReadonlyMap<string, string> } {
  const query = topic.split('$')[2] ?? fail('Python', 'the topic has no second $');
  const parameters = new Map<string, string>();
  for (const part of query.split('&')) {
    const [name = '', value, ...more] = part.split('=');
    if (value === undefined || more.length > 0 || parameters.has(name)) fail('Python', `it does not read ${part}`);
    parameters.set(name, value);
  }
  const code = Number(topic.split(prefix)[1]?.split('/')[0]);
  return { code, parameters };
}

const python: SdkScript = {
  name: 'Python',
  webSocket: { path: '/$iothub/websocket', protocol: 'mqtt' },
  tls: { maxVersion: 'TLSv1.2' },
  async run(device) {
    const { connection, registrationId } = device;
    const password = token(device, `${device.idScope}%2Fregistrations%2F${registrationId}`, undefined);
    const hello = { clean: false, keepalive: 60, clientVersion: 'azure-iot-device%2F2', apiVersion: '2019-03-31' };
    connection.send(connect(device, { ...hello, password }));
    const connack = await expectPacket('Python', device, 'connack');
    if (connack.returnCode !== 0) fail('Python', `CONNACK ${connack.returnCode}`);
    connection.send(subscribePacket());
    await expectPacket('Python', device, 'suback');
    let packetId = 10;
    const ask: Ask = async (topic, id, payload) => {
      packetId += 1;
      connection.send(publishPacket(topic, payload, 1, packetId));
      await expectPacket('Python', device, 'puback');
      const answer = await expectPacket('Python', device, 'publish');
      if (answer.messageId !== undefined) connection.send({ cmd: 'puback', messageId: answer.messageId });
      const { code, parameters } = pythonTopic(answer.topic);
      if (parameters.get('rid') !== id) fail('Python', `${answer.topic} is for nobody`);
      const waits = parameters.get('retry-after');
      if (waits !== undefined && !/^\d+$/.test(waits)) fail('Python', `it cannot wait ${waits}`);
      return replyOf('Python', code, bodyOf('Python', answer.payload));
    };
    const guid = counter();
    const ids = (): string => `00000000-0000-4000-8000-${guid().padStart(12, '0')}`;
    const body = JSON.stringify({ registrationId, payload: null });
    const outcome = await flow('Python', device, { ask, ids, bodies: [body, ' '] });
    connection.send({ cmd: 'disconnect' });
    return outcome;
  },
};

const java: SdkScript = {
  name: 'Java',
  webSocket: { path: '/mqtt', protocol: 'mqtt' },
  async run(device) {
    const { connection, registrationId } = device;
    const password = token(device, `${device.idScope}/registrations/${registrationId}`, '');
    const hello = { clean: false, keepalive: 230, clientVersion: '2019-03-31', apiVersion: '2019-03-31' };
    connection.send(connect(device, { ...hello, password }));
    const connack = await expectPacket('Java', device, 'connack');
    if (connack.returnCode !== 0) fail('Java', `CONNACK ${connack.returnCode}`);
    connection.send(subscribePacket());
    await expectPacket('Java', device, 'suback');
    const ask: Ask = async (topic, _id, payload) => {
      connection.send(publishPacket(topic, payload, 0));
      const answer = await expectPacket('Java', device, 'publish');
      if (answer.messageId !== undefined) connection.send({ cmd: 'puback', messageId: answer.messageId });
      if (!answer.topic.startsWith(prefix)) fail('Java', 'it does not know the topic');
      const waits = answer.topic.split('&').find((part) => part.startsWith('retry-after'));
      if (waits !== undefined && !/^retry-after=\d+$/.test(waits)) fail('Java', `it does not read ${waits}`);
      const reply = replyOf(
        'Java',
        Number(answer.topic.slice(prefix.length).split('/')[0]),
        bodyOf('Java', answer.payload),
      );
      if (reply.state === 'assigned') {
        const state = reply.registrationState ?? fail('Java', 'no registration state');
        for (const member of ['registrationId', 'status']) textOf('Java', state, member);
        if ('payload' in state && typeof state['payload'] !== 'object') fail('Java', 'the payload is no object');
      }
      return reply;
    };
    return flow('Java', device, {
      ask,
      ids: counter(),
      bodies: [JSON.stringify({ registrationId, payload: '"x"' }), ''],
    });
  },
};

export const sdkScripts: readonly SdkScript[] = [c, cSharp, python, java];
