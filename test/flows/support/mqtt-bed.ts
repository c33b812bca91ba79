/** Devices over MQTT as bare packets: the connection is made, the packets are seen one by one. */
import type { Packet } from 'mqtt-packet';
import { expect } from 'vitest';
import { systemClock } from '../../../src-main/lib/base/host.ts';
import { must } from '../../../src-main/lib/base/result.ts';
import { createSasToken, keySigner } from '../../../src-main/lib/dps/sas.ts';
import type { Credential } from '../../../src-main/lib/x509/authority.ts';
import { openServiceBed, until, type ServiceBed } from '../service-bed.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from '../service-devices.ts';
import { dialMqtt, type BareMqtt, type BareTarget } from './bare-mqtt.ts';

export const responses = '$dps/registrations/res/#';
export const register = '$dps/registrations/PUT/iotdps-register/';
export const status = '$dps/registrations/GET/iotdps-get-operationstatus/';
/** The shortest way by WebSockets. */
export const webSocket = { path: '/$iothub/websocket', protocol: 'mqtt' };

export interface Connect {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  readonly clean?: boolean;
  readonly keepalive?: number;
  readonly will?: { readonly topic: string; readonly payload: Buffer; readonly qos: 0 | 1 };
}

export function subscribePacket(topic = responses, qos: 0 | 1 | 2 = 1): Packet {
  return { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] };
}

export function publishPacket(topic: string, payload = '', qos: 0 | 1 | 2 = 1, messageId = 2): Packet {
  const packet = { cmd: 'publish' as const, topic, payload, qos, dup: false, retain: false };
  return qos === 0 ? packet : { ...packet, messageId };
}

export interface Answer {
  readonly topic: string;
  readonly qos: number;
  readonly json: Record<string, unknown>;
}

/** What the next packet says, which must be an answer; it is acknowledged. */
export async function answerOf(device: BareMqtt): Promise<Answer> {
  const packet = await device.next();
  if (packet.cmd !== 'publish') throw new Error(`an answer was to come, not ${packet.cmd}`);
  if (packet.messageId !== undefined) device.send({ cmd: 'puback', messageId: packet.messageId });
  const json = JSON.parse(packet.payload.toString('latin1')) as Record<string, unknown>;
  return { topic: packet.topic, qos: packet.qos, json };
}

/** Polls with QoS 0 until the end, and gives the last answer. */
export async function lastAnswer(device: BareMqtt, operationId: unknown): Promise<Answer> {
  let turn = 0;
  return until(async () => {
    turn += 1;
    device.send(publishPacket(`${status}?$rid=${turn}&operationId=${String(operationId)}`, ' ', 0));
    const answer = await answerOf(device);
    return answer.topic.startsWith('$dps/registrations/res/202/') ? undefined : answer;
  }, 'the end of an operation');
}

/** A service with a group whose devices prove themselves by certificate. */
export async function openMqttBed() {
  const bed: ServiceBed = await openServiceBed(1);
  const ca: Credential = await makeAuthority('MQTT Line');
  must(await bed.client.groups.put(groupOf('mqtt-line', ca.certificate)));
  const open: BareMqtt[] = [];
  const { idScope } = bed.ready;
  const own = {
    bed,
    ca,
    idScope,
    userName: (registrationId: string, parameters = 'api-version=2019-03-31&ClientVersion=bare%2F1') =>
      `${idScope}/registrations/${registrationId}/${parameters}`,
    async token(registrationId: string, key: Uint8Array, resource = `${idScope}/registrations/${registrationId}`) {
      const expiresAtS = Math.floor(systemClock.nowMs() / 1_000) + 3_600;
      return must(await createSasToken({ resource, expiresAtS, keyName: 'registration' }, keySigner(key)));
    },
    connectPacket({ clientId, username, password, clean = true, keepalive = 0, will }: Connect): Packet {
      return {
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean,
        clientId,
        keepalive,
        username: username ?? own.userName(clientId),
        ...(password === undefined ? {} : { password: Buffer.from(password) }),
        ...(will === undefined ? {} : { will: { ...will, retain: false } }),
      };
    },
    async dial(leaf: Leaf | undefined, more: Partial<BareTarget> = {}): Promise<BareMqtt> {
      const proof = leaf === undefined ? {} : { tls: leaf.tls };
      const port = more.webSocket === undefined ? 8883 : 8443;
      const connection = await dialMqtt({ host: bed.address, port, ca: bed.caPem, ...proof, ...more });
      open.push(connection);
      return connection;
    },
    /** Of the group, connected and subscribed. */
    async ready(registrationId: string, more: Partial<BareTarget> = {}, connect: Partial<Connect> = {}) {
      const leaf = await makeLeaf(registrationId, ca);
      const device = await own.dial(leaf, more);
      device.send(own.connectPacket({ clientId: registrationId, ...connect }), subscribePacket());
      expect(await device.next()).toMatchObject({ cmd: 'connack', returnCode: 0, sessionPresent: false });
      expect(await device.next()).toMatchObject({ cmd: 'suback', messageId: 1, granted: [1] });
      return Object.assign(device, { leaf });
    },
    async close(): Promise<void> {
      for (const connection of open) connection.close();
      await bed.close();
    },
  };
  return own;
}

export type MqttBed = Awaited<ReturnType<typeof openMqttBed>>;
