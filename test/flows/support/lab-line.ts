/** The cable between a station and a unit in one process, with one fault at the first frame that the unit sends in a phase. */
import { utf8 } from '../../../src-main/lib/base/bytes.ts';
import { ok } from '../../../src-main/lib/base/result.ts';
import { faultMaker } from '../../../src-main/lib/base/fault.ts';
import { type StreamPair, streamPair } from '../../../src-main/lib/base/stream-pair.ts';
import type { ByteStream } from '../../../src-main/lib/base/stream.ts';
import type { Phase } from '../../../src-main/contract/views.ts';
import type { PacedClock } from './paced-clock.ts';

export const lineFaults = ['unplug', 'truncated frame', 'corrupted frame', 'silent unit'] as const;
export type LineFault = (typeof lineFaults)[number];

const cableFault = faultMaker({ 'port-unplugged': { say: 'The cable was pulled.', hint: 'Plug it in.' } });

/** Nothing but timers can happen on a line that is silent for good. */
const silentPace = 200;
/** The unit is idle until the station asks again; then its answer needs real time. */
const waitingPace = 40;

export interface LabLine {
  /** For what a test hurries itself: the line keeps this pace until it is mended. */
  setPace(factor: number): void;
  /** The next run meets this fault in this phase, once. */
  arm(fault: LineFault, phase: Phase): void;
  /** Told by the bench: frames belong to the phase that the slot shows. */
  reached(phase: Phase): void;
  /** Whether the armed fault has happened. */
  readonly hasStruck: boolean;
  /** The cable is whole again. */
  mend(): void;
  /** A fresh connection: the station's end, and the unit's. */
  connect(): { readonly station: ByteStream; readonly unit: ByteStream };
  /** Pulls the cable now. */
  pull(): void;
}

export function createLabLine(clock: PacedClock): LabLine {
  let pair: StreamPair | undefined;
  let armed: { readonly fault: LineFault; readonly phase: Phase } | undefined;
  let current: Phase | undefined;
  let hasStruck = false;
  let isSilent = false;
  let usualPace = 1;
  let lastFrame: Uint8Array = utf8('no frame at all\n');
  let hear: (bytes: Uint8Array) => void = () => undefined;

  const pull = (): void => pair?.unplug(cableFault('port-unplugged'));
  /** What the station hears of a frame. */
  const strike = (fault: LineFault, frame: Uint8Array): Uint8Array | undefined => {
    hasStruck = true;
    armed = undefined;
    clock.setPace(fault === 'silent unit' ? silentPace : waitingPace);
    switch (fault) {
      case 'unplug':
        pull();
        return undefined;
      case 'truncated frame':
        return frame.subarray(0, Math.floor(frame.length / 2));
      case 'corrupted frame':
        return frame.map((byte, at) => (at === Math.floor(frame.length / 2) ? byte ^ 1 : byte));
      case 'silent unit':
        isSilent = true;
        return undefined;
    }
  };
  return {
    arm: (fault, phase) => {
      armed = { fault, phase };
      hasStruck = false;
    },
    reached: (phase) => {
      if (phase === current) return;
      current = phase;
      // The commit asks nothing of the unit: its fault strikes as the phase begins.
      if (phase !== 'commit' || armed?.phase !== 'commit') return;
      const damaged = strike(armed.fault, lastFrame);
      if (damaged !== undefined) hear(damaged);
    },
    get hasStruck() {
      return hasStruck;
    },
    mend: () => {
      isSilent = false;
      armed = undefined;
      current = undefined;
      usualPace = 1;
      clock.setPace(1);
    },
    pull,
    setPace: (factor) => {
      usualPace = factor;
      clock.setPace(factor);
    },
    connect: () => {
      pair = streamPair();
      const { near, far } = pair;
      const station: ByteStream = {
        ...near,
        async write(bytes) {
          if (isSilent) return ok();
          clock.setPace(usualPace);
          return near.write(bytes);
        },
        onData: (listener) => {
          hear = listener;
          return near.onData((bytes) => {
            if (isSilent) return;
            const heard = armed !== undefined && current === armed.phase ? strike(armed.fault, bytes) : bytes;
            lastFrame = bytes;
            if (heard !== undefined) listener(heard);
          });
        },
      };
      return { station, unit: far };
    },
  };
}
