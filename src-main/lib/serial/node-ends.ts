/** A ByteStream over Node's streams: a socket, a serial port, a child's pipes. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
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
  const dataListeners = new Set<(bytes: Uint8Array) => void>();
  const closeListeners = new Set<(reason: Fault | undefined) => void>();
  const pending = new Set<(result: Result<void>) => void>();
  let queuedBytes = 0;
  let isReading = false;
  let ended: { readonly reason: Fault | undefined } | undefined;
  let released: Promise<void> | undefined;

  const release = (): Promise<void> => {
    released ??= Promise.race([ends.release(), sleep(clock, releaseTimeoutMs)]);
    return released;
  };
  const end = (reason: Fault | undefined): void => {
    if (ended !== undefined) return;
    ended = { reason };
    for (const settle of [...pending]) settle(failed(reason ?? serialFault('port-closed')));
    for (const listener of [...closeListeners]) listener(reason);
    closeListeners.clear();
    dataListeners.clear();
    release().catch(() => undefined);
  };
  const lose = (): void => {
    end(ends.lost());
  };
  readable.on('error', lose);
  readable.on('end', lose);
  readable.on('close', lose);
  // A Duplex is both ends: its events must not be heard twice.
  if ((writable as unknown) !== readable) {
    writable.on('error', lose);
    writable.on('close', lose);
  }

  return {
    write(bytes) {
      if (ended !== undefined) return Promise.resolve(failed(ended.reason ?? serialFault('port-closed')));
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
    onData(listener) {
      dataListeners.add(listener);
      // Reading starts with the first listener, so that nothing is lost between opening and listening.
      if (!isReading && ended === undefined) {
        isReading = true;
        readable.on('data', (bytes: Buffer) => {
          for (const each of [...dataListeners]) each(Uint8Array.from(bytes));
        });
      }
      return () => void dataListeners.delete(listener);
    },
    onClose(listener) {
      closeListeners.add(listener);
      return () => void closeListeners.delete(listener);
    },
    async close() {
      end(undefined);
      await release();
    },
  };
}
