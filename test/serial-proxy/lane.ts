/** One direction of a line: each byte takes ten bits' time, one after another, and arrives no earlier. */
import type { Clock } from '../../src-main/lib/base/clock.ts';
import { concatBytes } from '../../src-main/lib/base/bytes.ts';
import type { LatencyTimer, Packet } from './latency-timer.ts';

export interface Lane {
  /** Onto the wire now, or when it is free, or after a pause. */
  send(bytes: Uint8Array, afterMs?: number): void;
  /** The next bytes come from who was told so much too late: they count as sent that much earlier. */
  credit(lateMs: number): void;
  /** Calls `fire` once nothing is on the wire or in the adapter any more. */
  whenIdle(fire: () => void): void;
  /** Takes effect at once; what is on the wire is gone. */
  stop(): void;
}

export interface LaneParts {
  readonly clock: Clock;
  readonly baudRate: number;
  readonly timer: LatencyTimer | undefined;
  /** `lateMs`: how much after its time. */
  deliver(bytes: Uint8Array, lateMs: number): void;
}

/** 8N1: a start bit, eight bits, a stop bit. */
const bitsPerByte = 10;
/** Long pieces arrive in slices, as adapters hand them on: a full packet of 62 bytes, or what came within their timer. */
const sliceBytes = 62;
const longestSliceMs = 16;

interface Piece {
  readonly bytes: Uint8Array;
  readonly startMs: number;
  /** Bytes of it that are off the wire. */
  done: number;
}

export function createLane(parts: LaneParts): Lane {
  const { clock, timer } = parts;
  const byteMs = (bitsPerByte * 1_000) / parts.baudRate;
  const sliceMs = Math.min(longestSliceMs, sliceBytes * byteMs);
  let pieces: Piece[] = [];
  let freeMs = 0;
  let creditMs = 0;
  let cancel = (): void => undefined;
  let isStopped = false;
  let onIdle = (): void => undefined;

  const arrived = (nowMs: number): readonly Packet[] => {
    const packets: Packet[] = [];
    while (pieces.length > 0) {
      const [piece] = pieces;
      if (piece === undefined) break;
      // A thousandth of a byte of grace: sums of fractions must not cost a timer's turn.
      const count = Math.min(piece.bytes.length, Math.floor((nowMs - piece.startMs) / byteMs + 0.001));
      if (count > piece.done) packets.push(...offTheWire(piece, count));
      if (piece.done < piece.bytes.length) break;
      pieces = pieces.slice(1);
    }
    return timer === undefined ? packets : [...packets, ...timer.due(nowMs)];
  };
  const offTheWire = (piece: Piece, count: number): readonly Packet[] => {
    const from = piece.done;
    piece.done = count;
    const bytes = piece.bytes.subarray(from, count);
    const timeOf = (at: number): number => piece.startMs + (at + 1) * byteMs;
    if (timer === undefined) return [{ bytes, atMs: timeOf(count - 1) }];
    return [...bytes].flatMap((byte, at) => timer.take(byte, timeOf(from + at)));
  };
  const look = (): void => {
    if (isStopped) return;
    const nowMs = clock.monotonicMs();
    const packets = arrived(nowMs);
    const last = packets.at(-1);
    if (last !== undefined) {
      const late = Math.max(0, nowMs - last.atMs);
      parts.deliver(concatBytes(...packets.map(({ bytes }) => bytes)), late);
    }
    schedule();
  };
  const schedule = (): void => {
    cancel();
    const [piece] = pieces;
    const nowMs = clock.monotonicMs();
    const times = timer?.nextMs === undefined ? [] : [timer.nextMs];
    if (piece !== undefined) {
      const endMs = piece.startMs + piece.bytes.length * byteMs;
      const nextByteMs = piece.startMs + (piece.done + 1) * byteMs;
      times.push(Math.min(endMs, Math.max(nextByteMs, nowMs + sliceMs)));
    }
    if (isStopped) return;
    if (times.length === 0) {
      onIdle();
      return;
    }
    cancel = clock.after(Math.max(0, Math.min(...times) - nowMs), look);
  };
  return {
    send(bytes, afterMs = 0) {
      if (isStopped || bytes.length === 0) return;
      const startMs = Math.max(clock.monotonicMs() - creditMs, freeMs) + afterMs;
      creditMs = 0;
      pieces = [...pieces, { bytes, startMs, done: 0 }];
      freeMs = startMs + bytes.length * byteMs;
      schedule();
    },
    credit(lateMs) {
      creditMs = lateMs;
    },
    whenIdle(fire) {
      onIdle = fire;
      schedule();
    },
    stop() {
      isStopped = true;
      pieces = [];
      cancel();
    },
  };
}
