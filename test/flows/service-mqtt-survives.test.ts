import { createHmac } from 'node:crypto';
import { once, type EventEmitter } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { generate, parser, type Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { amqpHeader, begin, open, rawAmqp } from '../exams/amqp-raw.ts';
import { groupOf, makeAuthority, makeLeaf } from './service-devices.ts';
import { plainLogin } from './support/amqp-scripts.ts';
import {
  answerOf,
  lastAnswer,
  openMqttBed,
  publishPacket,
  register,
  subscribePacket,
  webSocket,
  type MqttBed,
} from './support/mqtt-bed.ts';

let mqtt: MqttBed;
let root: Credential;
let line: Credential;

beforeAll(async () => {
  mqtt = await openMqttBed();
  root = await makeAuthority('Saved Root', { pathLength: 1 });
  line = await makeAuthority('Saved Line', { issuer: root });
  must(await mqtt.bed.client.groups.put(groupOf('saved-root', root.certificate)));
});

afterAll(async () => {
  await mqtt.close();
});

describe('a device of a group that saved its TLS session', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('proves itself by its group again with %s', async (version) => {
    const registrationId = `saved-${version.toLowerCase().replace('.', '-')}`;
    // the root alone is enrolled: without the intermediate, which a resumed session does not show, there is no chain
    const leaf = await makeLeaf(registrationId, line);
    const options = { minVersion: version, maxVersion: version };
    const first = await mqtt.dial(leaf, { more: options });
    const sessions: Buffer[] = [];
    first.socket!.on('session', (session) => sessions.push(session));
    first.send(mqtt.connectPacket({ clientId: registrationId }));
    expect(await first.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
    const saved = sessions.at(-1) ?? first.socket!.getSession();
    first.close();
    const again = await mqtt.dial(leaf, { more: saved === undefined ? options : { ...options, session: saved } });
    expect(again.socket!.isSessionReused()).toBe(false);
    again.send(mqtt.connectPacket({ clientId: registrationId }), subscribePacket());
    expect(await again.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
    expect(await again.next()).toMatchObject({ cmd: 'suback' });
    again.send(publishPacket(`${register}?$rid=1`, '', 0));
    const { json } = await answerOf(again);
    expect(await lastAnswer(again, json['operationId'])).toMatchObject({
      json: { status: 'assigned', registrationState: { x509: { enrollmentGroupId: 'saved-root' } } },
    });
  });
});

const idleConnections = 5_000;
// As many handshakes at once as may wait without a client's patience ending.
const atOnce = 50;

// Some 20 s of handshakes on two free cores; on busy ones it may take its time.
it(
  '5,000 idle connections stay, half over MQTT and half over AMQP, and devices register beside them',
  { timeout: 300_000 },
  async () => {
    const groupKey = Buffer.alloc(32, 1);
    const symmetricKey = { primaryKey: groupKey.toString('base64'), secondaryKey: Buffer.alloc(32).toString('base64') };
    const group = { enrollmentGroupId: 'idle', attestation: { type: 'symmetricKey' as const, symmetricKey } };
    must(await mqtt.bed.client.groups.put(group));
    const all: Idle[] = [];
    let next = 0;
    const dialer = async (): Promise<void> => {
      while (next < idleConnections) {
        next += 1;
        // AMQP last: a silent connection of it is ended after some minutes
        const dial = next <= idleConnections / 2 ? idleOverMqtt : idleOverAmqp;
        all.push(await dial(`idle-${next}`, groupKey));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, dialer));
    const stay = (): number => all.filter(({ socket }) => !socket.destroyed).length;
    expect(stay()).toBe(idleConnections);
    const device = await mqtt.ready('beside-them', { webSocket });
    device.send(publishPacket(`${register}?$rid=1`, '', 0));
    const { json } = await answerOf(device);
    expect(await lastAnswer(device, json['operationId'])).toMatchObject({ json: { status: 'assigned' } });
    // each is still answered
    await Promise.all(all.map((one) => one.isAnswered()));
    expect(stay()).toBe(idleConnections);
    for (const { socket } of all) socket.destroy();
  },
);

interface Idle {
  readonly socket: TLSSocket;
  isAnswered(): Promise<unknown>;
}

async function dialed(port: number): Promise<TLSSocket> {
  const socket = connect({ host: mqtt.bed.address, port, ca: mqtt.bed.caPem });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

const tokenOf = (registrationId: string, groupKey: Buffer): Promise<string> =>
  mqtt.token(registrationId, createHmac('sha256', groupKey).update(registrationId).digest());

/** A connection without a keep-alive. */
async function idleOverMqtt(registrationId: string, groupKey: Buffer): Promise<Idle> {
  const socket = await dialed(8883);
  const password = await tokenOf(registrationId, groupKey);
  await asks(socket, mqtt.connectPacket({ clientId: registrationId, password }), 'connack');
  return { socket, isAnswered: () => asks(socket, { cmd: 'pingreq' }, 'pingresp') };
}

async function idleOverAmqp(registrationId: string, groupKey: Buffer): Promise<Idle> {
  const socket = await dialed(5671);
  const client = rawAmqp(socket);
  const name = `${mqtt.idScope}/registrations/${registrationId}`;
  expect(await plainLogin(client, name, await tokenOf(registrationId, groupKey))).toBe(0);
  client.send(amqpHeader, open());
  await client.until('open');
  return {
    socket,
    isAnswered() {
      client.send(begin());
      return client.until('begin');
    },
  };
}

async function asks(socket: TLSSocket, packet: Packet, answer: 'connack' | 'pingresp'): Promise<void> {
  const reader = parser({ protocolVersion: 4 });
  const heard = once(reader as unknown as EventEmitter, 'packet');
  socket.once('data', (chunk: Buffer) => void reader.parse(chunk));
  socket.write(generate(packet));
  expect(await heard).toMatchObject([{ cmd: answer }]);
}
