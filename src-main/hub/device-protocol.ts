/** What a hub does with its devices' MQTT connections: lets them in, takes telemetry, answers for their twins. */
import { fromUtf8, utf8 } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import { ok } from '../lib/base/result.ts';
import type { MqttConnect, MqttConnection, MqttDecision, MqttHooks, MqttMessage } from '../lib/listen/mqtt.ts';
import type { HubAccess } from './access.ts';
import type { Outcome } from './device-changes.ts';
import type { DeviceMessages } from './device-messages.ts';
import type { DeviceStore, TopicSubscription } from './device-store.ts';
import {
  desiredChanges,
  desiredChangeTopic,
  deviceOfUserName,
  maySubscribeTo,
  names,
  parsePublish,
  twinResponses,
  twinResponseTopic,
} from './device-topics.ts';
import { errorNumber, httpStatus, hubFault, type HubFault } from './hub-fault.ts';
import { isObject, parseJson, type JsonObject } from './json.ts';
import type { Presence } from './presence.ts';
import type { Registry } from './registry.ts';
import { deviceView } from './twin.ts';

export interface DevicePeer {
  /** DER of the leaf presented in the TLS handshake. */
  readonly certificate: Uint8Array | undefined;
}

export interface ProtocolParts {
  readonly access: HubAccess;
  readonly registry: Registry;
  readonly store: DeviceStore;
  readonly presence: Presence;
  readonly messages: DeviceMessages;
  readonly clock: Clock;
  readonly log: Log;
}

type Connection = MqttConnection<DevicePeer>;

// IoT Hub takes messages of up to 256 kB; the packet also holds the topic with its properties.
const maxPayloadBytes = 262_144;
export const maxPacketBytes = maxPayloadBytes + 65_536;
const maxFilters = 8; // there are four topics to subscribe to, and an id may be spelled in two ways

export function deviceHooks(parts: ProtocolParts): MqttHooks<DevicePeer> {
  return {
    connecting: (connect) => letIn(parts, connect),
    connected(connection) {
      parts.presence.connected(connection.clientId);
      parts.log.info('device-connected', { deviceId: connection.clientId });
    },
    disconnected(connection) {
      parts.presence.disconnected(connection.clientId);
      parts.log.info('device-disconnected', { deviceId: connection.clientId });
    },
    // IoT Hub has no QoS 2: it ends the connection (dps-wire section 10.2)
    mayPublish: ({ clientId }, { topic, qos, payload }) =>
      qos < 2 && payload.length <= maxPayloadBytes && parsePublish(clientId, topic) !== undefined,
    published(connection, message) {
      parts.presence.heard(connection.clientId);
      take(parts, connection, message);
    },
    maySubscribe: (connection, wanted) => keepSubscription(parts, connection, wanted),
    unsubscribed(connection, filters) {
      if (connection.clean) return;
      changeKept(parts, connection.clientId, (kept) => {
        for (const filter of filters) kept.delete(filter);
      });
    },
  };
}

function letIn(parts: ProtocolParts, connect: MqttConnect<DevicePeer>): MqttDecision {
  const deviceId = connect.clientId;
  const named = deviceOfUserName(connect.userName);
  if (named === undefined || !names(named, deviceId)) return { is: 'bad-credentials' };
  const device = parts.registry.get(deviceId);
  const known = device.ok ? device.value : undefined;
  const token = fromUtf8(connect.password) ?? '';
  if (!parts.access.deviceAllowed(deviceId, known, { token, certificate: connect.peer.certificate })) {
    parts.log.warn('device-refused', { deviceId, known: known !== undefined, enabled: known?.status === 'enabled' });
    return { is: 'not-authorized' };
  }
  if (connect.clean) {
    changeKept(parts, deviceId, (kept) => {
      kept.clear();
    });
    return { is: 'accepted' };
  }
  // neither P nor N subscribes again after a reconnect (dps-wire section 10.2)
  const kept = parts.store.read((devices) => devices.subscriptions(deviceId));
  return { is: 'accepted', subscriptions: kept.ok ? kept.value : [] };
}

function take(parts: ProtocolParts, connection: Connection, message: MqttMessage): void {
  const { clientId } = connection;
  const published = parsePublish(clientId, message.topic);
  switch (published?.to) {
    case 'telemetry': {
      const { properties } = published;
      parts.messages.add(clientId, { receivedMs: parts.clock.nowMs(), properties, payload: message.payload });
      return;
    }
    case 'twin-get': {
      const device = parts.registry.get(clientId);
      const body = device.ok ? { status: 200, json: deviceView(device.value.twin) } : refusal(device.fault);
      respond(connection, twinResponseTopic(body.status, published.requestId), body.json);
      return;
    }
    case 'twin-report': {
      const device = report(parts, clientId, message.payload);
      if (device.ok) {
        const version = device.value;
        respond(connection, twinResponseTopic(204, published.requestId, version));
      } else {
        const body = refusal(device.fault);
        respond(connection, twinResponseTopic(body.status, published.requestId), body.json);
      }
      return;
    }
    case undefined:
  }
}

/** The new version of the reported section. */
function report(parts: ProtocolParts, deviceId: string, payload: Uint8Array): Outcome<number> {
  const patch = parseJson(fromUtf8(payload) ?? '');
  if (!isObject(patch)) return { ok: false, fault: hubFault('ArgumentInvalid', { reason: 'it is no JSON object' }) };
  const device = parts.registry.report(deviceId, patch);
  return device.ok ? ok(device.value.twin.reported.version) : device;
}

/** The Node SDK looks for `errorCode` in the body and not at the status in the topic. */
function refusal(fault: HubFault): { readonly status: number; readonly json: JsonObject } {
  return { status: httpStatus[fault.code], json: { errorCode: errorNumber(fault.code), message: fault.say } };
}

// Answers and notifications go by QoS 0: within a connection TCP delivers them, and after it the device asks anew.
function respond(connection: Connection, topic: string, json?: JsonObject): void {
  if (!connection.filters.has(twinResponses)) return;
  connection.send({ topic, payload: json === undefined ? new Uint8Array() : utf8(JSON.stringify(json)), qos: 0 });
}

export function notifyDesired(connection: Connection | undefined, patch: JsonObject, version: number): void {
  if (connection?.filters.has(desiredChanges) !== true) return;
  const body = { ...patch, $version: version };
  connection.send({ topic: desiredChangeTopic(version), payload: utf8(JSON.stringify(body)), qos: 0 });
}

/** Written before it is acknowledged, so that the subscription outlives the hub as well as the connection. */
function keepSubscription(parts: ProtocolParts, connection: Connection, wanted: TopicSubscription): boolean {
  const { clientId, clean, filters } = connection;
  if (!maySubscribeTo(clientId, wanted.filter)) return false;
  if (!filters.has(wanted.filter) && filters.size >= maxFilters) return false;
  return clean || changeKept(parts, clientId, (kept) => kept.set(wanted.filter, wanted.qos));
}

function changeKept(parts: ProtocolParts, deviceId: string, change: (kept: Map<string, 0 | 1>) => unknown): boolean {
  const written = parts.store.write((devices) => {
    const before = devices.subscriptions(deviceId);
    const kept = new Map(before.map(({ filter, qos }) => [filter, qos]));
    change(kept);
    // a session that is being restored asks again for what it has: then nothing is written
    const same = kept.size === before.length && before.every(({ filter, qos }) => kept.get(filter) === qos);
    const after = Array.from(kept, ([filter, qos]) => ({ filter, qos }));
    if (!same && devices.get(deviceId) !== undefined) devices.keepSubscriptions(deviceId, after);
    return ok();
  });
  if (!written.ok) parts.log.warn('subscriptions-not-kept', { deviceId, code: written.fault.code });
  return written.ok;
}
