/** What is written to a connection: collected within a turn, held while the client reads, bounded, and ended in time. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';

export interface AmqpWire {
  write(bytes: Buffer): void;
  /** What the other side has not taken yet. Who has a choice writes no more beyond `fullBytes`. */
  readonly unsentBytes: number;
  /** After what has been written; the other side has some seconds to end too. */
  end(): void;
  readonly isEnding: boolean;
  /** Ends it without a word after so long, unless it is given time anew. */
  giveTime(ms: number): void;
  stopTimer(): void;
}

export interface WireParts {
  readonly stream: Duplex;
  readonly clock: Clock;
  /** What was written has gone: there is room again. */
  readonly drained: () => void;
}

// The other side has this long to take our last words and to end too.
const endTimeoutMs = 5_000;
// As over MQTT: a client that reads nothing for so long is gone.
const drainTimeoutMs = 30_000;
/** A message of a hub's 256 kB under way; the next one waits until there is room. */
export const fullBytes = 262_144;
/** The sixteen method calls of 128 kB that a hub may have under way at once, and some answers. */
export const maxSendBytes = 3_145_728;
// What goes out unasked ends below `maxSendBytes`; the rest is for settlements and attaches, which a client asks for and
// does not read.
const maxUnsentBytes = 4_194_304;

export function createAmqpWire({ stream, clock, drained }: WireParts): AmqpWire {
  let unsent: Buffer[] = [];
  let unsentBytes = 0;
  let isDue = false;
  let isEnding = false;
  let stopTimer = (): void => undefined;
  let stopDrainTimer: (() => void) | undefined;
  /** False when it has not gone at once. */
  const writeAll = (): boolean => {
    const bytes = unsent;
    [unsent, unsentBytes] = [[], 0];
    if (stream.destroyed || bytes.length === 0) return true;
    // one write for all the frames of a turn: each write is a TLS record
    if (stream.write(Buffer.concat(bytes))) return true;
    stopDrainTimer ??= clock.after(drainTimeoutMs, () => void stream.destroy());
    return false;
  };
  const flush = (): void => {
    isDue = false;
    // one write at a time has the deadline for itself: what comes meanwhile does not lengthen it
    if (stopDrainTimer !== undefined || isEnding || stream.destroyed) return;
    if (writeAll()) drained();
  };
  const giveTime = (ms: number): void => {
    stopTimer();
    stopTimer = clock.after(ms, () => void stream.destroy());
  };
  stream.on('drain', () => {
    stopDrainTimer?.();
    stopDrainTimer = undefined;
    flush();
  });
  stream.once('close', () => {
    stopTimer();
    stopDrainTimer?.();
    [unsent, unsentBytes] = [[], 0];
  });
  return {
    write(bytes) {
      if (isEnding || stream.destroyed) return;
      if (!isDue) setImmediate(flush);
      isDue = true;
      unsent.push(bytes);
      unsentBytes += bytes.length;
      if (unsentBytes + stream.writableLength > maxUnsentBytes) stream.destroy();
    },
    get unsentBytes() {
      return unsentBytes + stream.writableLength;
    },
    end() {
      if (isEnding) return;
      writeAll();
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
