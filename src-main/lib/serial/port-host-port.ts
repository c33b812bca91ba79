/** One opening of a port in a port host, as a ByteStream. */
import { sleep, type Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { createStreamHub } from '../base/stream-hub.ts';
import { serialFault } from './faults.ts';
import { maxQueuedBytes, writeTimeoutMs } from './node-ends.ts';
import type { HostChild } from './port-host-child.ts';
import type { PortHostLimits } from './port-host-limits.ts';
import { decodeFault, maxPayloadBytes, messageTypes, type Message } from './port-host-wire.ts';

export interface HostedPort {
  readonly number: number;
  readonly opened: Promise<Result<void>>;
  readonly stream: ByteStream;
  readonly isEnded: boolean;
  hear(message: Message): void;
  /** The port is gone: unplugged, or its host died. */
  end(reason: Fault | undefined): void;
}

export interface HostedPortParts {
  readonly number: number;
  readonly host: HostChild;
  readonly clock: Clock;
  readonly limits: PortHostLimits;
}

interface Write {
  readonly bytes: number;
  readonly settle: (result: Result<void>) => void;
}

export function createHostedPort(parts: HostedPortParts): HostedPort {
  const { number, host } = parts;
  const writes = createWriteQueue(parts.clock);
  const opening = Promise.withResolvers<Result<void>>();
  const closing = Promise.withResolvers<undefined>();
  const hub = createStreamHub();

  /** For the listeners; the host may still have to let go. */
  const finish = (reason: Fault | undefined): void => {
    if (hub.ended !== undefined) return;
    hub.end(reason);
    opening.resolve(failed(reason ?? serialFault('port-closed')));
    writes.failAll(reason ?? serialFault('port-closed'));
  };
  const end = (reason: Fault | undefined): void => {
    closing.resolve(undefined);
    finish(reason);
  };
  const hear = ({ type, payload }: Message): void => {
    if (type === messageTypes.closed) closing.resolve(undefined);
    if (hub.ended !== undefined) return;
    if (type === messageTypes.opened) opening.resolve(ok());
    else if (type === messageTypes.fault) end(decodeFault(payload) ?? serialFault('port-unplugged'));
    else if (type === messageTypes.written) writes.settleOldest(payload);
    else if (type === messageTypes.data) hub.hear(payload);
  };
  const stream: ByteStream = {
    async write(bytes) {
      if (hub.ended !== undefined) return failed(hub.ended.reason ?? serialFault('port-closed'));
      const results: Promise<Result<void>>[] = [];
      for (let at = 0; at < bytes.length; at += maxPayloadBytes) {
        const part = bytes.subarray(at, at + maxPayloadBytes);
        const queued = writes.add(part.length);
        if (queued === undefined) return failed(serialFault('port-stuck'));
        host.say(messageTypes.data, number, part);
        results.push(queued);
      }
      const settled = await Promise.all(results);
      return settled.find((result) => !result.ok) ?? ok();
    },
    onData: hub.onData,
    onClose: hub.onClose,
    async close() {
      if (hub.ended === undefined) {
        host.say(messageTypes.close, number);
        finish(undefined);
      }
      await Promise.race([closing.promise, sleep(parts.clock, parts.limits.closeTimeoutMs)]);
    },
  };
  return {
    number,
    opened: opening.promise,
    stream,
    get isEnded() {
      return hub.ended !== undefined;
    },
    hear,
    end,
  };
}

interface WriteQueue {
  /** Undefined when too much waits already. */
  add(bytes: number): Promise<Result<void>> | undefined;
  settleOldest(payload: Uint8Array): void;
  failAll(reason: Fault): void;
}

/** Writes are answered in their order. The queue is stuck when none of them is answered in time, however many wait. */
function createWriteQueue(clock: Clock): WriteQueue {
  let queue: Write[] = [];
  let queuedBytes = 0;
  let cancelWatch = (): void => undefined;
  const fail = (reason: Fault): void => {
    const waiting = queue;
    queue = [];
    queuedBytes = 0;
    cancelWatch();
    for (const write of waiting) write.settle(failed(reason));
  };
  const watch = (): void => {
    cancelWatch();
    if (queue.length === 0) return;
    cancelWatch = clock.after(writeTimeoutMs, () => {
      fail(serialFault('port-stuck'));
    });
  };
  return {
    add(bytes) {
      if (queuedBytes + bytes > maxQueuedBytes) return undefined;
      queuedBytes += bytes;
      return new Promise((settle) => {
        queue.push({ bytes, settle });
        if (queue.length === 1) watch();
      });
    },
    settleOldest(payload) {
      const oldest = queue.shift();
      if (oldest === undefined) return;
      queuedBytes -= oldest.bytes;
      oldest.settle(payload.length === 0 ? ok() : failed(decodeFault(payload) ?? serialFault('port-unplugged')));
      watch();
    },
    failAll: fail,
  };
}
