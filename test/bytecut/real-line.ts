/** The line of the byte-cut proof between real programs: two pseudo-terminals, every byte counted, cut at one of them. */
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { openPty } from '../../src-main/lib/serial/index.ts';
import type { Pty } from '../../src-main/lib/serial/pty.ts';
import type { Direction } from './cut-line.ts';

export interface RealLine {
  /** Bytes that went through since `mend`. */
  readonly counted: Readonly<Record<Direction, number>>;
  /** Once so many bytes have gone that way nothing passes any more, either way, and `strike` is called. */
  arm(direction: Direction, byte: number, strike: () => void): void;
  /** The unit that is in the slot now. */
  attach(unit: ByteStream): void;
  /** Passes bytes again, and counts them from 0. */
  mend(): void;
  /** To the station a pulled cable; its port is away until `plug`. */
  pull(): Promise<void>;
  plug(): Promise<void>;
}

/** @param linkPath what the station opens, whichever pseudo-terminal it is */
export async function openRealLine(linkPath: string): Promise<RealLine> {
  const counted = { 'to unit': 0, 'to station': 0 };
  let armed: { readonly direction: Direction; readonly byte: number; readonly strike: () => void } | undefined;
  let isCut = false;
  let station: Pty | undefined;
  let unit: ByteStream | undefined;

  const pass = (direction: Direction, bytes: Uint8Array, other: ByteStream | undefined): void => {
    if (isCut) return;
    const here = armed?.direction === direction && armed.byte <= counted[direction] + bytes.length ? armed : undefined;
    const through = here === undefined ? bytes : bytes.subarray(0, here.byte - counted[direction]);
    counted[direction] += through.length;
    const written = other?.write(through);
    if (here === undefined) return;
    [isCut, armed] = [true, undefined];
    void Promise.resolve(written).then(() => {
      here.strike();
    });
  };
  const plug = async (): Promise<void> => {
    const opened = must(await openPty({ linkPath }, systemClock));
    station = opened;
    opened.stream.onData((bytes) => {
      pass('to unit', bytes, unit);
    });
  };
  await plug();
  return {
    counted,
    arm: (direction, byte, strike) => {
      armed = { direction, byte, strike };
    },
    attach: (next) => {
      unit = next;
      next.onData((bytes) => {
        if (unit === next) pass('to station', bytes, station?.stream);
      });
    },
    mend: () => {
      [isCut, armed] = [false, undefined];
      Object.assign(counted, { 'to unit': 0, 'to station': 0 });
    },
    pull: async () => {
      await station?.close();
      station = undefined;
    },
    plug,
  };
}
