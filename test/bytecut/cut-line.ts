/** The line of the byte-cut proof: counts every byte in both directions, and at one of them something ends. */
import { faultMaker } from '../../src-main/lib/base/fault.ts';
import { failed, ok } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { createStreamHub } from '../../src-main/lib/base/stream-hub.ts';

export const directions = ['to unit', 'to station'] as const;
export type Direction = (typeof directions)[number];

const lineFault = faultMaker({ 'port-unplugged': { say: 'The cable was pulled.', hint: 'Plug it in.' } });

type Hub = ReturnType<typeof createStreamHub>;

export interface CutLine {
  /** Bytes that arrived so far. */
  readonly counted: Readonly<Record<Direction, number>>;
  /** Writes of the station that the unit has heard to their last byte. */
  readonly wholeWrites: number;
  /** At this byte `strike` is called, once: that many have arrived, and no more of that write will. */
  arm(direction: Direction, byte: number, strike: () => void): void;
  /** The station opens its port: the unit's end stays what it is. */
  openStation(): ByteStream;
  /** The unit gets power: whoever speaks for it hears what comes from now on. */
  powerUnit(): ByteStream;
  /** The cable is out: the station hears so, and the unit has no power. */
  pull(): void;
  /** The process that had it open is gone: its end hears and says nothing any more. */
  abandonStation(): void;
}

export function createCutLine(): CutLine {
  const counted = { 'to unit': 0, 'to station': 0 };
  let wholeWrites = 0;
  let armed: { readonly direction: Direction; readonly byte: number; readonly strike: () => void } | undefined;
  let station: Hub | undefined;
  let unit: Hub | undefined;

  const pass = (direction: Direction, bytes: Uint8Array, other: () => Hub | undefined): void => {
    const before = counted[direction];
    const isHere = armed?.direction === direction && armed.byte <= before + bytes.length;
    const through = isHere && armed !== undefined ? bytes.subarray(0, armed.byte - before) : bytes;
    counted[direction] += through.length;
    if (through.length > 0) other()?.hear(through.slice());
    if (direction === 'to unit' && through.length === bytes.length) wholeWrites += 1;
    if (!isHere) return;
    const struck = armed;
    armed = undefined;
    struck?.strike();
  };
  const streamOver = (hub: Hub, direction: Direction, other: () => Hub | undefined): ByteStream => ({
    async write(bytes) {
      const copy = bytes.slice();
      await Promise.resolve();
      if (hub.ended !== undefined) return failed(hub.ended.reason ?? lineFault('port-unplugged'));
      pass(direction, copy, other);
      return ok();
    },
    onData: hub.onData,
    onClose: hub.onClose,
    close: async () => {
      hub.end(undefined);
    },
  });
  return {
    counted,
    get wholeWrites() {
      return wholeWrites;
    },
    arm: (direction, byte, strike) => {
      armed = { direction, byte, strike };
    },
    openStation: () => {
      station?.end(undefined);
      station = createStreamHub();
      return streamOver(station, 'to unit', () => unit);
    },
    powerUnit: () => {
      unit = createStreamHub();
      return streamOver(unit, 'to station', () => station);
    },
    pull: () => {
      unit?.end(undefined);
      unit = undefined;
      station?.end(lineFault('port-unplugged'));
    },
    abandonStation: () => {
      station = undefined;
    },
  };
}
