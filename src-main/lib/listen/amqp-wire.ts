/** What is written to a connection: collected within a turn, bounded, and ended in time. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';

export interface AmqpWire {
  write(bytes: Buffer): void;
  /** After what has been written; the other side has some seconds to end too. */
  end(): void;
  readonly isEnding: boolean;
  /** Ends it without a word after so long, unless it is given time anew. */
  giveTime(ms: number): void;
  stopTimer(): void;
}

// The other side has this long to take our last words and to end too.
const endTimeoutMs = 5_000;
// A client that asks and does not read what it is told.
const maxUnsentBytes = 1_048_576;

export function createAmqpWire(stream: Duplex, clock: Clock): AmqpWire {
  let unsent: Buffer[] = [];
  let isEnding = false;
  let stopTimer = (): void => undefined;
  const flush = (): void => {
    const bytes = unsent;
    unsent = [];
    if (stream.destroyed || bytes.length === 0) return;
    // one write for all the frames of a turn: each write is a TLS record
    stream.write(Buffer.concat(bytes));
    if (stream.writableLength > maxUnsentBytes) stream.destroy();
  };
  const giveTime = (ms: number): void => {
    stopTimer();
    stopTimer = clock.after(ms, () => void stream.destroy());
  };
  stream.once('close', () => stopTimer());
  return {
    write(bytes) {
      if (isEnding) return;
      if (unsent.length === 0) setImmediate(flush);
      unsent.push(bytes);
    },
    end() {
      if (isEnding) return;
      flush();
      isEnding = true;
      stream.resume();
      stream.end();
      giveTime(endTimeoutMs);
    },
    get isEnding() {
      return isEnding;
    },
    giveTime,
    stopTimer: () => stopTimer(),
  };
}
