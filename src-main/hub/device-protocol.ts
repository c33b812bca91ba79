/** What a hub does with its devices' MQTT connections: lets them in, keeps their subscriptions, takes what they publish. */
import { fromUtf8, utf8 } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import { ok } from '../lib/base/result.ts';
import type { MqttConnect, MqttConnection, MqttDecision, MqttHooks, MqttMessage } from '../lib/listen/mqtt.ts';
import type { Admission } from './access.ts';
import { maxTelemetryBytes, type DeviceDesk } from './device-desk.ts';
import { openDeviceSession, type DeviceSession } from './device-session.ts';
import type { DeviceStore, TopicSubscription } from './device-store.ts';
import {
  desiredChanges,
  desiredChangeTopic,
  deviceOfUserName,
  maySubscribeTo,
  modelOfUserName,
  names,
  parsePublish,
  twinResponses,
  twinResponseTopic,
} from './device-topics.ts';
import type { FaultSwitch } from './fault-switch.ts';
import { twinRefusal } from './hub-fault.ts';
import type { JsonObject } from './json.ts';

export interface DevicePeer {
  /** DER of the leaf presented in the TLS handshake. */
  readonly certificate: Uint8Array | undefined;
  /** The remote address. */
  readonly source: string;
}

export interface ProtocolParts {
  readonly desk: DeviceDesk;
  readonly faults: FaultSwitch;
  readonly store: DeviceStore;
  readonly clock: Clock;
  readonly log: Log;
}

type Connection = MqttConnection<DevicePeer>;

// The packet also holds the topic with its properties.
export const maxPacketBytes = maxTelemetryBytes + 65_536;
const maxFilters = 8; // there are four topics to subscribe to, and an id may be spelled in two ways

export function deviceHooks(parts: ProtocolParts): MqttHooks<DevicePeer> {
  const sessions = new Map<string, DeviceSession>();
  const admissions = new Map<string, Admission>();
  return {
    async connecting(connect) {
      const strike = await parts.faults.strike();
      if (strike.is !== 'none') return { is: struck[strike.is] };
      const { decision, admission } = letIn(parts, connect);
      if (admission !== undefined) admissions.set(connect.clientId, admission);
      return decision;
    },
    connected(connection) {
      const { clientId } = connection;
      const endsAtMs = admissions.get(clientId)?.endsAtMs;
      admissions.delete(clientId);
      const older = sessions.get(clientId);
      sessions.set(clientId, openSession(parts, connection, endsAtMs));
      // of the same id: the broker closes it and says nothing of its end
      older?.end();
      parts.log.info('device-connected', { deviceId: clientId, protocol: 'mqtt' });
    },
    disconnected({ clientId }) {
      sessions.get(clientId)?.end();
      sessions.delete(clientId);
      parts.log.info('device-disconnected', { deviceId: clientId, protocol: 'mqtt' });
    },
    ready: ({ clientId }) => sessions.get(clientId)?.refresh(),
    subscribed: ({ clientId }) => sessions.get(clientId)?.refresh(),
    // IoT Hub has no QoS 2: it ends the connection (dps-wire section 10.2)
    mayPublish: ({ clientId }, { topic, qos, payload }) =>
      qos < 2 && payload.length <= maxTelemetryBytes && parsePublish(clientId, topic) !== undefined,
    published(connection, message) {
      parts.desk.heard(connection.clientId);
      take(parts, connection, message);
    },
    maySubscribe: (connection, wanted) => keepSubscription(parts, connection, wanted),
    unsubscribed(connection, filters) {
      sessions.get(connection.clientId)?.refresh();
      if (connection.clean) return;
      changeKept(parts, connection.clientId, (kept) => {
        for (const filter of filters) kept.delete(filter);
      });
    },
  };
}

// Where the hub is down no connection gets as far as this, save one that came just before.
const struck = { throttled: 'unavailable', refusing: 'not-authorized', down: 'unavailable' } as const;

const notIn = { refused: 'not-authorized', throttled: 'unavailable' } as const;

interface Entry {
  readonly decision: MqttDecision;
  readonly admission?: Admission;
}

function letIn(parts: ProtocolParts, connect: MqttConnect<DevicePeer>): Entry {
  const deviceId = connect.clientId;
  const named = deviceOfUserName(connect.userName);
  if (named === undefined || !names(named, deviceId)) return { decision: { is: 'bad-credentials' } };
  const token = fromUtf8(connect.password) ?? '';
  const admitted = parts.desk.admit(deviceId, { token, ...connect.peer });
  if (admitted.is !== 'admitted') return { decision: { is: notIn[admitted.is] } };
  const { admission } = admitted;
  const model = modelOfUserName(connect.userName);
  if (model !== undefined) parts.desk.announced(deviceId, model);
  if (connect.clean) {
    changeKept(parts, deviceId, (kept) => {
      kept.clear();
    });
    return { decision: { is: 'accepted' }, admission };
  }
  // neither P nor N subscribes again after a reconnect (dps-wire section 10.2)
  const kept = parts.store.read((devices) => devices.subscriptions(deviceId));
  return { decision: { is: 'accepted', subscriptions: kept.ok ? kept.value : [] }, admission };
}

function openSession(parts: ProtocolParts, connection: Connection, endsAtMs: number | undefined): DeviceSession {
  const leave = parts.desk.connections.opened(connection.clientId, {
    desiredChanged: (patch, version) => {
      notifyDesired(connection, patch, version);
    },
    close: () => {
      connection.close();
    },
  });
  const session = openDeviceSession(parts, { connection, endsAtMs });
  return {
    refresh: () => {
      session.refresh();
    },
    end() {
      session.end();
      leave();
    },
  };
}

function take(parts: ProtocolParts, connection: Connection, message: MqttMessage): void {
  const { clientId } = connection;
  const published = parsePublish(clientId, message.topic);
  switch (published?.to) {
    case 'telemetry': {
      const { system, properties } = published;
      parts.desk.telemetry(clientId, { system, properties, payload: message.payload });
      return;
    }
    case 'twin-get': {
      const twin = parts.desk.twin(clientId);
      const body = twin.ok ? { status: 200, json: twin.value } : twinRefusal(twin.fault);
      respond(connection, twinResponseTopic(body.status, published.requestId), body.json);
      return;
    }
    case 'twin-report': {
      const version = parts.desk.report(clientId, message.payload);
      if (version.ok) {
        respond(connection, twinResponseTopic(204, published.requestId, version.value));
      } else {
        const body = twinRefusal(version.fault);
        respond(connection, twinResponseTopic(body.status, published.requestId), body.json);
      }
      return;
    }
    case 'method-answer':
      // one that nobody waits for any more is dropped, as IoT Hub does
      parts.desk.methods.answered(clientId, published.requestId, {
        status: published.status,
        payload: message.payload,
      });
      return;
    case undefined:
  }
}

// Answers and notifications go by QoS 0: within a connection TCP delivers them, and after it the device asks anew.
function respond(connection: Connection, topic: string, json?: JsonObject): void {
  if (!connection.filters.has(twinResponses)) return;
  connection.send({ topic, payload: json === undefined ? new Uint8Array() : utf8(JSON.stringify(json)), qos: 0 });
}

function notifyDesired(connection: Connection, patch: JsonObject, version: number): void {
  if (!connection.filters.has(desiredChanges)) return;
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
