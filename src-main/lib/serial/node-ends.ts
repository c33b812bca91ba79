/** A ByteStream over Node's streams: a socket, a serial port, a child's pipes. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { createStreamHub } from '../base/stream-hub.ts';
import { serialFault } from './faults.ts';

export interface NodeEnds {
  readonly readable: Readable;
  readonly writable: Writable;
  /** Gives the handle back; called once. */
  release(): Promise<void>;
  /** What an end that we did not ask for means here. */
  readonly lost: () => Fault;
}

/** More than any packet and its repeats; a writer that is this far ahead is not being read. */
export const maxQueuedBytes = 262_144;
/** 9,600 baud moves a full queue of one packet in under five seconds. */
export const writeTimeoutMs = 10_000;
/** A driver that does not let go in this time is left to the operating system. */
const releaseTimeoutMs = 3_000;

export function byteStreamOf(ends: NodeEnds, clock: Clock): ByteStream {
  const { readable, writable } = ends;
  // Reading starts with the first listener, so that nothing is lost between opening and listening.
  const hub = createStreamHub(() => {
    readable.on('data', (bytes: Buffer) => {
      hub.hear(Uint8Array.from(bytes));
    });
  });
  const pending = new Set<(result: Result<void>) => void>();
  let queuedBytes = 0;
  let released: Promise<void> | undefined;

  const release = (): Promise<void> => {
    released ??= new Promise<void>((resolve, reject) => {
      // Taken back as soon as the driver let go: a program that has closed its port must not wait for this timer.
      const cancel = clock.after(releaseTimeoutMs, resolve);
      ends.release().finally(cancel).then(resolve, reject);
    });
    return released;
  };
  const end = (reason: Fault | undefined): void => {
    if (hub.ended !== undefined) return;
    hub.end(reason);
    for (const settle of [...pending]) settle(failed(reason ?? serialFault('port-closed')));
    release().catch(() => undefined);
  };
  const lose = (): void => {
    end(ends.lost());
  };
  // A Duplex is both ends; `end` hears only the first of its events.
  for (const event of ['error', 'end', 'close']) readable.on(event, lose);
  for (const event of ['error', 'close']) writable.on(event, lose);

  return {
    write(bytes) {
      if (hub.ended !== undefined) return Promise.resolve(failed(hub.ended.reason ?? serialFault('port-closed')));
      if (queuedBytes + bytes.length > maxQueuedBytes) return Promise.resolve(failed(serialFault('port-stuck')));
      queuedBytes += bytes.length;
      return new Promise((resolve) => {
        const settle = (result: Result<void>): void => {
          cancel();
          pending.delete(settle);
          resolve(result);
        };
        const cancel = clock.after(writeTimeoutMs, () => {
          settle(failed(serialFault('port-stuck')));
        });
        pending.add(settle);
        writable.write(bytes, (error) => {
          queuedBytes -= bytes.length;
          settle(error ? failed(ends.lost()) : ok());
        });
      });
    },
    onData: hub.onData,
    onClose: hub.onClose,
    async close() {
      end(undefined);
      await release();
    },
  };
}
