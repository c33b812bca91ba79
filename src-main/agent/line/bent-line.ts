/** A line with planted faults: what passes is changed, cut, lost, held back, or is the last thing that ever passes. */
import type { Clock } from '../../lib/base/clock.ts';
import { ok } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import type { PlantedFaults } from '../planted-faults.ts';
import { createLateReplies } from './late-replies.ts';
import { bootMessages, bootNoise, seededChance, withNoise } from './noise.ts';
import { createGreetingsOnly } from './only-greetings.ts';
import { heardAt } from './uart.ts';

export interface BentLine {
  /** The stream as the unit has it. Counts go on from one stream to the next: a cable is pulled once. */
  over(stream: ByteStream): ByteStream;
  /** The unit restarts: nothing passes for so long, then it prints what boot loaders print. */
  restart(silentMs: number): void;
}

export interface LineParts {
  readonly clock: Clock;
  readonly faults: PlantedFaults;
  /** The cable is pulled now. */
  readonly unplug: () => void;
  /** Ends the process at once, as a power cut would. */
  powerCut(): void;
}

/** What stations use unless they are told otherwise; a pseudo-terminal has no baud rate of its own. */
const stationBaud = 115_200;

export function createBentLine(parts: LineParts): BentLine {
  const { faults, clock } = parts;
  const chance = seededChance(faults.seed ?? 1);
  const late = createLateReplies(faults, clock, chance);
  const sent = createCut(faults.cutOut ?? faults.portMoves, parts.unplug);
  const received = createCut(faults.cutIn, parts.unplug);
  const greetings = faults.stuckEcho === true ? createGreetingsOnly() : (bytes: Uint8Array) => [bytes];
  let writes = 0;
  let hasPrinted = false;
  let isSilent = faults.stuckSilent === true;
  let current: ByteStream | undefined;

  /** The last part of the way out, for replies, echo and noise alike. */
  const emit = (stream: ByteStream, bytes: Uint8Array) => {
    if (isSilent) return Promise.resolve(ok());
    const noisy = faults.corrupt === undefined ? bytes : withNoise(bytes, faults.corrupt, chance);
    const heard = faults.wrongBaud === undefined ? noisy : heardAt(stationBaud, faults.wrongBaud, noisy);
    return sent.pass(heard, (left) => stream.write(left));
  };
  const printFirst = async (stream: ByteStream): Promise<void> => {
    if (hasPrinted || isSilent) return;
    hasPrinted = true;
    if (faults.bootChatter === true) await emit(stream, bootMessages);
    if (faults.bootNoise !== undefined) await emit(stream, bootNoise(faults.bootNoise, chance));
  };
  const write = async (stream: ByteStream, bytes: Uint8Array) => {
    writes += 1;
    const write = writes;
    await printFirst(stream);
    if (write === faults.dropReply) return ok();
    const reply = changed(bytes, write, faults);
    let written: ReturnType<ByteStream['write']> = Promise.resolve(ok());
    // A reply that is held back is as good as written: the unit goes on.
    late.take(reply, (piece) => {
      written = emit(stream, piece);
    });
    const done = await written;
    if (write === faults.exitAfterWrite) parts.powerCut();
    return done;
  };
  const hear = (stream: ByteStream, bytes: Uint8Array, listener: (bytes: Uint8Array) => void): void => {
    if (isSilent) return;
    if (faults.echo === true) void emit(stream, bytes);
    const heard = faults.wrongBaud === undefined ? bytes : heardAt(faults.wrongBaud, stationBaud, bytes);
    const noisy = faults.corrupt === undefined ? heard : withNoise(heard, faults.corrupt, chance);
    void received.pass(noisy, async (left) => {
      for (const piece of greetings(left)) listener(piece);
      return ok();
    });
  };
  return {
    over: (stream) => {
      current = stream;
      return {
        ...stream,
        write: (bytes) => write(stream, bytes),
        onData: (listener) =>
          stream.onData((bytes) => {
            hear(stream, bytes, listener);
          }),
      };
    },
    restart: (silentMs) => {
      isSilent = true;
      clock.after(silentMs, () => {
        isSilent = faults.stuckSilent === true;
        if (current !== undefined) void emit(current, bootMessages);
      });
    },
  };
}

type Written = ReturnType<ByteStream['write']>;

interface Cut {
  /** Lets through what comes before the cut; the byte after it never passes. */
  pass(bytes: Uint8Array, on: (bytes: Uint8Array) => Written): Written;
}

function createCut(after: number | undefined, unplug: () => void): Cut {
  let passed = 0;
  let isDone = after === undefined;
  return {
    async pass(bytes, on) {
      if (isDone || after === undefined || passed + bytes.length < after) {
        passed += bytes.length;
        return on(bytes);
      }
      isDone = true;
      const left = await on(bytes.subarray(0, after - passed));
      unplug();
      return left;
    },
  };
}

function changed(bytes: Uint8Array, write: number, faults: PlantedFaults): Uint8Array {
  const middle = Math.floor(bytes.length / 2);
  if (write === faults.truncateReply) return bytes.subarray(0, middle);
  if (write !== faults.corruptReply) return bytes;
  return bytes.map((byte, at) => (at === middle ? byte ^ 1 : byte));
}
