/** One MQTT connection of a device for as long as it lasts: its method calls, its messages, and the end of its token. */
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { MqttConnection } from '../lib/listen/mqtt.ts';
import type { CloudDelivery } from './cloud-messages.ts';
import type { DeviceDesk } from './device-desk.ts';
import { cloudMessageTopic, methodCalls, methodCallTopic, namesCloudMessages } from './device-topics.ts';
import { watchEnd } from './token-end.ts';

export interface DeviceSession {
  /** Serves what the connection is subscribed to now. */
  refresh(): void;
  end(): void;
}

export interface SessionParts {
  readonly desk: DeviceDesk;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SessionOf {
  readonly connection: MqttConnection<unknown>;
  /** Undefined for a certificate. */
  readonly endsAtMs: number | undefined;
}

export function openDeviceSession(parts: SessionParts, { connection, endsAtMs }: SessionOf): DeviceSession {
  const stopExpiry = endsAtMs === undefined ? () => undefined : watchExpiry(parts, connection, endsAtMs);
  const methods = createSwitch(() => listenToMethods(parts.desk, connection));
  const messages = createSwitch(() => pumpMessages(parts, connection));
  return {
    refresh() {
      methods.set(connection.filters.has(methodCalls));
      messages.set(messageQos(connection) !== undefined);
    },
    end() {
      stopExpiry();
      methods.set(false);
      messages.set(false);
    },
  };
}

function createSwitch(start: () => () => void): { set(on: boolean): void } {
  let stop: (() => void) | undefined;
  return {
    set(on) {
      if (on === (stop !== undefined)) return;
      if (on) {
        stop = start();
        return;
      }
      stop?.();
      stop = undefined;
    },
  };
}

/** IoT Hub ends a connection whose token is over; the SDKs renew theirs before (dps-wire 10.2). */
function watchExpiry({ clock, log }: SessionParts, connection: MqttConnection<unknown>, endsAtMs: number): () => void {
  return watchEnd(clock, endsAtMs, () => {
    log.info('device-token-over', { deviceId: connection.clientId });
    connection.close();
  });
}

function listenToMethods(desk: DeviceDesk, connection: MqttConnection<unknown>): () => void {
  return desk.methods.listen(connection.clientId, ({ methodName, requestId, payload }) => {
    connection.send({ topic: methodCallTopic(methodName, requestId), payload, qos: 0 });
    return true;
  });
}

/** The QoS that its subscription to messages asked for; undefined when it has none. */
function messageQos({ clientId, filters }: MqttConnection<unknown>): 0 | 1 | undefined {
  const [, qos] = [...filters].find(([filter]) => namesCloudMessages(clientId, filter)) ?? [];
  return qos;
}

/**
 * One message at a time: the next when the device has acknowledged this one, so that one which cannot take it holds
 * no more than one. Over QoS 1 the PUBACK completes it, over QoS 0 the sending does.
 */
function pumpMessages({ desk, log }: SessionParts, connection: MqttConnection<unknown>): () => void {
  const { clientId } = connection;
  const queue = desk.cloudMessages;
  let held: CloudDelivery | undefined;
  let stopped = false;
  const complete = (delivery: CloudDelivery): void => {
    if (held !== delivery) return;
    held = undefined;
    const done = queue.settle(clientId, delivery.lockToken, 'complete');
    if (!done.ok) log.warn('message-not-completed', { deviceId: clientId, code: done.fault.code });
    next();
  };
  const next = (): void => {
    if (stopped || held !== undefined) return;
    const received = queue.receive(clientId);
    if (!received.ok || received.value === undefined) return;
    const delivery = received.value;
    held = delivery;
    const { message } = delivery;
    const qos = messageQos(connection) ?? 0;
    const packet = { topic: cloudMessageTopic(clientId, message), payload: message.payload, qos };
    connection.send(packet, () => {
      complete(delivery);
    });
    if (qos === 0) complete(delivery);
  };
  const leave = queue.listen(clientId, next);
  next();
  return () => {
    stopped = true;
    leave();
    if (held !== undefined) queue.settle(clientId, held.lockToken, 'abandon');
    held = undefined;
  };
}
