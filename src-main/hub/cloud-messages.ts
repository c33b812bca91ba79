/**
 * The queue of messages to each device (dps-wire 10.2 and 10.3): bounded, on disk, each message held by one receiver at
 * a time and handed out again until it is settled; knows no wire.
 */
import type { Clock } from '../lib/base/clock.ts';
import { timeOf } from '../lib/base/host.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { checkedForm, type CloudMessage, type CloudMessageForm } from './cloud-message.ts';
import type { CloudMessageStore, CloudMessageWriter, WaitingMessage } from './cloud-message-store.ts';
import type { Outcome } from './device-changes.ts';
import { hubFault, type HubFault } from './hub-fault.ts';

export interface CloudReceipt {
  readonly messageId: string;
  readonly sequence: number;
}

export interface CloudDelivery {
  readonly message: CloudMessage;
  /** Settles this delivery and no other. */
  readonly lockToken: string;
}

export type Settlement = 'complete' | 'abandon' | 'reject';

export interface CloudMessages {
  enqueue(deviceId: string, form: CloudMessageForm): Outcome<CloudReceipt>;
  /**
   * The next message, held for `lockMs` (over HTTPS) or, without it, until it is settled: a connection settles what it
   * holds when it ends. Undefined when there is none.
   */
  receive(deviceId: string, lockMs?: number): Outcome<CloudDelivery | undefined>;
  /** Completed and rejected messages are gone; an abandoned one is next again. */
  settle(deviceId: string, lockToken: string, how: Settlement): Outcome<void>;
  /** Called whenever a message may be there to receive; gives the way out. */
  listen(deviceId: string, onMessage: () => void): () => void;
  count(deviceId: string): number;
  /** Gives how many there were. */
  purge(deviceId: string): Outcome<number>;
  /** Forgets who holds what of this device. */
  forget(deviceId: string): void;
  close(): void;
}

export interface CloudMessageParts {
  readonly store: CloudMessageStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

// IoT Hub's: 50 messages a device, an hour's life and ten deliveries unless told otherwise, two days at the most.
const maxWaiting = 50;
const maxDeliveries = 10;
const usualLifeMs = 3_600_000;
const maxLifeMs = 172_800_000;
/** How long a message that was received over HTTPS is held: IoT Hub's default. */
export const usualLockMs = 60_000;

interface Lock {
  readonly token: string;
  readonly cancelTimer: () => void;
}

interface Queues extends CloudMessageParts {
  /** By device id, then by sequence number; a hub that starts again holds nothing. */
  readonly locks: Map<string, Map<number, Lock>>;
  readonly listeners: Map<string, Set<() => void>>;
}

export function createCloudMessages(parts: CloudMessageParts): Readonly<CloudMessages> {
  const queues: Queues = { ...parts, locks: new Map(), listeners: new Map() };
  const forget = (deviceId: string): void => {
    for (const lock of queues.locks.get(deviceId)?.values() ?? []) lock.cancelTimer();
    queues.locks.delete(deviceId);
  };
  return Object.freeze<CloudMessages>({
    enqueue: (deviceId, form) => enqueue(queues, deviceId, form),
    receive: (deviceId, lockMs) => receive(queues, deviceId, lockMs),
    settle: (deviceId, lockToken, how) => settle(queues, deviceId, lockToken, how),
    listen(deviceId, onMessage) {
      const listeners = queues.listeners.get(deviceId) ?? new Set();
      queues.listeners.set(deviceId, listeners.add(onMessage));
      return () => {
        listeners.delete(onMessage);
        if (listeners.size === 0 && queues.listeners.get(deviceId) === listeners) queues.listeners.delete(deviceId);
      };
    },
    count(deviceId) {
      const counted = queues.store.read((messages) => messages.count(deviceId));
      if (counted.ok) return counted.value;
      // it is shown beside other facts, which are not held back for it
      queues.log.error('messages-not-counted', { code: counted.fault.code });
      return 0;
    },
    purge(deviceId) {
      const purged = changed(queues, (messages) => {
        return messages.deviceExists(deviceId)
          ? ok(messages.removeAll(deviceId))
          : failed(hubFault('DeviceNotFound', { deviceId }));
      });
      if (purged.ok) forget(deviceId);
      return purged;
    },
    forget,
    close() {
      for (const deviceId of [...queues.locks.keys()]) forget(deviceId);
    },
  });
}

function enqueue(queues: Queues, deviceId: string, form: CloudMessageForm): Outcome<CloudReceipt> {
  const ack = checkedForm(form);
  if (!ack.ok) return ack;
  const nowMs = queues.clock.nowMs();
  const expiresMs = expiryOf(form, nowMs);
  if (!expiresMs.ok) return expiresMs;
  const messageId = form.system.messageId ?? queues.random.uuid();
  const written = changed(queues, (messages) => {
    if (!messages.deviceExists(deviceId)) return failed(hubFault('DeviceNotFound', { deviceId }));
    removeStale(queues, messages, deviceId);
    if (messages.count(deviceId) >= maxWaiting) {
      return failed(hubFault('DeviceMaximumQueueDepthExceeded', { deviceId, limit: maxWaiting }));
    }
    const { system, properties, payload } = form;
    const kept = { messageId, ack: ack.value, enqueuedMs: nowMs, expiresMs: expiresMs.value };
    return ok({ messageId, sequence: messages.add(deviceId, { ...kept, system, properties, payload }) });
  });
  if (written.ok) tell(queues, deviceId);
  return written;
}

function expiryOf(form: CloudMessageForm, nowMs: number): Outcome<number> {
  const { expiryTimeUtc } = form.system;
  if (expiryTimeUtc === undefined) return ok(nowMs + usualLifeMs);
  const wantedMs = timeOf(expiryTimeUtc);
  if (wantedMs === undefined || wantedMs <= nowMs) {
    return failed(hubFault('ArgumentInvalid', { reason: 'the expiry is no time to come' }));
  }
  return ok(Math.min(wantedMs, nowMs + maxLifeMs));
}

function receive(queues: Queues, deviceId: string, lockMs: number | undefined): Outcome<CloudDelivery | undefined> {
  const received = changed(queues, (messages) => {
    removeStale(queues, messages, deviceId);
    const next = messages.waiting(deviceId).find(({ sequence }) => !isLocked(queues, deviceId, sequence));
    if (next === undefined) return ok(undefined);
    // counted before it is handed out: a device that dies of it does not get it for ever
    messages.noteDelivery(deviceId, next.sequence);
    return ok(messages.get(deviceId, next.sequence));
  });
  if (!received.ok || received.value === undefined) return received.ok ? ok(undefined) : received;
  const message = received.value;
  return ok({ message, lockToken: lock(queues, deviceId, message.sequence, lockMs) });
}

function lock(queues: Queues, deviceId: string, sequence: number, lockMs: number | undefined): string {
  const token = queues.random.uuid();
  const held = queues.locks.get(deviceId) ?? new Map<number, Lock>();
  const release = (): void => {
    if (unlocked(queues, deviceId, sequence)) tell(queues, deviceId);
  };
  const cancelTimer = lockMs === undefined ? () => undefined : queues.clock.after(lockMs, release);
  queues.locks.set(deviceId, held.set(sequence, { token, cancelTimer }));
  return token;
}

function settle(queues: Queues, deviceId: string, lockToken: string, how: Settlement): Outcome<void> {
  const held = queues.locks.get(deviceId) ?? new Map<number, Lock>();
  const [sequence] = [...held].find(([, { token }]) => token === lockToken) ?? [];
  if (sequence === undefined) return failed(hubFault('DeviceMessageLockLost'));
  if (how !== 'abandon') {
    const removed = changed(queues, (messages) => {
      messages.remove(deviceId, sequence);
      return ok();
    });
    if (!removed.ok) return removed;
  }
  unlocked(queues, deviceId, sequence);
  if (how === 'abandon') tell(queues, deviceId);
  return ok();
}

function isLocked(queues: Queues, deviceId: string, sequence: number): boolean {
  return queues.locks.get(deviceId)?.has(sequence) === true;
}

function unlocked(queues: Queues, deviceId: string, sequence: number): boolean {
  const held = queues.locks.get(deviceId);
  held?.get(sequence)?.cancelTimer();
  const was = held?.delete(sequence) === true;
  if (held?.size === 0) queues.locks.delete(deviceId);
  return was;
}

/** Those whose time is over or that were handed out as often as they may be; what somebody holds is left to them. */
function removeStale(queues: Queues, messages: CloudMessageWriter, deviceId: string): void {
  const nowMs = queues.clock.nowMs();
  const isStale = ({ expiresMs, deliveryCount }: WaitingMessage): boolean =>
    deliveryCount >= maxDeliveries || (expiresMs !== undefined && expiresMs <= nowMs);
  for (const waiting of messages.waiting(deviceId)) {
    if (!isStale(waiting) || isLocked(queues, deviceId, waiting.sequence)) continue;
    messages.remove(deviceId, waiting.sequence);
    const { sequence, deliveryCount } = waiting;
    const reason = deliveryCount >= maxDeliveries ? 'deliveries' : 'expiry';
    queues.log.warn('message-dropped', { deviceId, sequence, deliveryCount, reason });
  }
}

function tell(queues: Queues, deviceId: string): void {
  for (const onMessage of [...(queues.listeners.get(deviceId) ?? [])]) onMessage();
}

/** A commit that keeps what the change refused apart from what the file refused. */
function changed<T>(queues: Queues, change: (messages: CloudMessageWriter) => Outcome<T>): Outcome<T> {
  let refused: HubFault | undefined;
  const result: Result<T> = queues.store.write((messages) => {
    const outcome = change(messages);
    refused = outcome.ok ? undefined : outcome.fault;
    return outcome;
  });
  if (result.ok) return result;
  if (refused !== undefined) return failed(refused);
  queues.log.error('store-failed', { code: result.fault.code });
  return failed(hubFault('ServiceUnavailable', { reason: result.fault.say }));
}
