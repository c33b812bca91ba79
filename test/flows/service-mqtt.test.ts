import type { Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { openServiceBed, until, type ServiceBed } from './service-bed.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from './service-devices.ts';
import { dialMqtt, type BareMqtt, type BareTarget } from './support/bare-mqtt.ts';

const responses = '$dps/registrations/res/#';
const register = '$dps/registrations/PUT/iotdps-register/';
const status = '$dps/registrations/GET/iotdps-get-operationstatus/';

let bed: ServiceBed;
let ca: Credential;
const open: BareMqtt[] = [];

beforeAll(async () => {
  bed = await openServiceBed(1);
  ca = await makeAuthority('MQTT Line');
  must(await bed.client.groups.put(groupOf('mqtt-line', ca.certificate)));
});

afterAll(async () => {
  for (const connection of open) connection.close();
  await bed.close();
});

async function dial(leaf: Leaf | undefined, more: Partial<BareTarget> = {}): Promise<BareMqtt> {
  const proof = leaf === undefined ? {} : { tls: leaf.tls };
  const connection = await dialMqtt({ host: bed.address, port: 8883, ca: bed.caPem, ...proof, ...more });
  open.push(connection);
  return connection;
}

interface Connect {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly clean?: boolean;
  readonly keepalive?: number;
}

function connectPacket({ clientId, password, ...more }: Connect): Packet {
  const packet = {
    cmd: 'connect' as const,
    protocolId: 'MQTT' as const,
    protocolVersion: 4 as const,
    clean: more.clean ?? true,
    clientId,
    keepalive: more.keepalive ?? 0,
    username: more.username ?? userName(clientId),
  };
  return password === undefined ? packet : { ...packet, password: Buffer.from(password) };
}

function userName(registrationId: string, parameters = 'api-version=2019-03-31&ClientVersion=bare%2F1'): string {
  return `${bed.ready.idScope}/registrations/${registrationId}/${parameters}`;
}

function subscribePacket(topic = responses, qos: 0 | 1 | 2 = 1): Packet {
  return { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] };
}

function publishPacket(topic: string, payload = '', qos: 0 | 1 | 2 = 1, messageId = 2): Packet {
  const packet = { cmd: 'publish' as const, topic, payload, qos, dup: false, retain: false };
  return qos === 0 ? packet : { ...packet, messageId };
}

/** Connected and subscribed. */
async function ready(registrationId: string, more: Partial<BareTarget> = {}, connect: Partial<Connect> = {}) {
  const leaf = await makeLeaf(registrationId, ca);
  const device = await dial(leaf, more);
  device.send(connectPacket({ clientId: registrationId, ...connect }), subscribePacket());
  expect(await device.next()).toMatchObject({ cmd: 'connack', returnCode: 0, sessionPresent: false });
  expect(await device.next()).toMatchObject({ cmd: 'suback', messageId: 1, granted: [1] });
  return device;
}

interface Answer {
  readonly topic: string;
  readonly qos: number;
  readonly json: Record<string, unknown>;
  readonly text: string;
}

/** What the next packet says, which must be an answer; it is acknowledged. */
async function answerOf(device: BareMqtt): Promise<Answer> {
  const packet = await device.next();
  if (packet.cmd !== 'publish') throw new Error(`an answer was to come, not ${packet.cmd}`);
  if (packet.messageId !== undefined) device.send({ cmd: 'puback', messageId: packet.messageId });
  const text = packet.payload.toString('latin1');
  return { topic: packet.topic, qos: packet.qos, json: JSON.parse(text) as Record<string, unknown>, text };
}

/** Polls until the end, with QoS 0, and gives the last answer. */
async function lastAnswer(device: BareMqtt, operationId: unknown): Promise<Answer> {
  let turn = 0;
  return until(async () => {
    turn += 1;
    device.send(publishPacket(`${status}?$rid=${turn}&operationId=${String(operationId)}`, ' ', 0));
    const answer = await answerOf(device);
    return answer.topic.startsWith('$dps/registrations/res/202/') ? undefined : answer;
  }, 'the end of an operation');
}

describe('a device over MQTT', () => {
  it('[rule 5] gets its PUBACK before its answer, which has QoS 1 and begins with its own $rid', async () => {
    const device = await ready('order-1');
    const requestId = '%41b-c_d.e~1';
    device.send(publishPacket(`${register}?$rid=${requestId}`, '{"registrationId":"order-1"}', 1, 77));
    expect(await device.next()).toMatchObject({ cmd: 'puback', messageId: 77 });
    const answer = await answerOf(device);
    expect(answer.topic).toBe(`$dps/registrations/res/202/?$rid=${requestId}&retry-after=1`);
    expect(answer).toMatchObject({ qos: 1, json: { status: 'assigning', operationId: expect.any(String) as string } });
    const last = await lastAnswer(device, answer.json['operationId']);
    expect(last.topic).toMatch(/^\$dps\/registrations\/res\/200\/\?\$rid=\d+$/);
    expect(last).toMatchObject({
      qos: 1,
      json: {
        operationId: answer.json['operationId'],
        status: 'assigned',
        registrationState: { deviceId: 'order-1', assignedHub: bed.hubs[0]!.hostName, substatus: 'initialAssignment' },
      },
    });
  });
});
