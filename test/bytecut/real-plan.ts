/** Where the byte-cut proof cuts between real programs: a seeded sample, or every byte. */
import { join } from 'node:path';
import { seeded } from '../serial-proxy/bends.ts';
import { type Direction, directions } from './cut-line.ts';
import { type LaneOptions, type RealCut, type RealEnd, type RealLane, openRealLane, realEnds } from './real-lane.ts';
import { type RealKind, realKinds } from './real-units.ts';

export interface RealCount {
  readonly kind: string;
  /** Runs that were cut; each ended as it must. */
  cuts: number;
  readonly byEnd: Record<RealEnd, number>;
  /** Of an exhaustive run: places behind the last one that was tried. */
  left: number;
}

/** A place that the run did not reach (signatures differ in length) is drawn again. */
const maxDraws = 5;

type Bytes = Readonly<Record<Direction, number>>;

async function tried(lane: RealLane, cut: RealCut, count: RealCount): Promise<boolean> {
  const trace = await lane.tryCut(cut).catch((broken: unknown) => {
    const why = broken instanceof Error ? broken.message : '';
    throw new Error(`${count.kind}, cut at ${JSON.stringify(cut)}: ${why}`, { cause: broken });
  });
  if (!trace.isStruck) return false;
  count.cuts += 1;
  count.byEnd[cut.end] += 1;
  return true;
}

type Work = (lane: RealLane, bytes: Bytes, count: RealCount) => Promise<void>;

interface LaneWork {
  readonly kind: RealKind;
  readonly work: Work;
  readonly options?: LaneOptions;
}

async function inLane(folder: string, { kind, work, options = {} }: LaneWork): Promise<RealCount> {
  const lane = await openRealLane(join(folder, kind.name.replaceAll(' ', '-')), kind, options);
  const count: RealCount = { kind: kind.name, cuts: 0, byEnd: { station: 0, unit: 0, line: 0 }, left: 0 };
  try {
    const { bytes } = await lane.tryCut();
    await work(lane, bytes, count);
  } finally {
    await lane.close();
  }
  return count;
}

/** `cuts` drawn by the seed, a share for each kind, the kinds side by side. */
export function sampleCuts(
  folder: string,
  { seed, cuts }: { readonly seed: number; readonly cuts: number },
): Promise<readonly RealCount[]> {
  return Promise.all(
    realKinds.map((kind, at) => {
      const chance = seeded(seed + at);
      const pick = <T>(of: readonly T[]): T => of[Math.floor(chance() * of.length)]!;
      const share = Math.floor(cuts / realKinds.length) + (at < cuts % realKinds.length ? 1 : 0);
      const work: Work = async (lane, bytes, count) => {
        for (let draws = 0; count.cuts < share && draws < share + maxDraws; draws += 1) {
          const direction = pick(directions);
          const byte = 1 + Math.floor(chance() * bytes[direction]);
          await tried(lane, { direction, byte, end: realEnds[draws % realEnds.length]! }, count);
        }
      };
      return inLane(folder, { kind, work });
    }),
  );
}

export interface Range {
  /** The first place of each kind's exchange that is cut; 1 is its first byte. */
  readonly from: number;
  /** Places of each kind. */
  readonly most: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

/** Every byte of both directions, each with one end in turn, which the seed begins with. */
export function cutEveryByte(folder: string, { from, most, seed, say }: Range): Promise<readonly RealCount[]> {
  return Promise.all(
    realKinds.map((kind) => {
      const work: Work = async (lane, bytes, count) => {
        const places = directions.flatMap((direction) =>
          Array.from({ length: bytes[direction] }, (_, at) => ({ direction, byte: at + 1 })),
        );
        const wanted = places.slice(from - 1, from - 1 + most);
        for (const [at, place] of wanted.entries()) {
          const end = realEnds[(from + at + seed) % realEnds.length]!;
          await tried(lane, { ...place, end }, count);
          if ((at + 1) % 50 === 0) say(`${kind.name}: ${from + at} of ${places.length}`);
        }
        count.left = Math.max(0, places.length - (from - 1) - wanted.length);
      };
      return inLane(folder, { kind, work });
    }),
  );
}

export interface PlantedCut {
  readonly name: string;
  readonly cut: (bytes: Bytes) => RealCut;
  readonly options: LaneOptions;
}

/** One cut of one kind with a fault planted; throws when the fault is found. */
export async function tryPlanted(folder: string, { name, cut, options }: PlantedCut): Promise<void> {
  const kind = realKinds.find((one) => one.name === name)!;
  const work: Work = async (lane, bytes, count) => {
    await tried(lane, cut(bytes), count);
  };
  await inLane(folder, { kind, work, options });
}

export function toldOf({ kind, cuts, byEnd, left }: RealCount): string {
  const ends = realEnds.map((end) => `${byEnd[end]} ${inWords[end]}`).join(', ');
  return `${cuts} cuts of ${kind} (${ends})${left === 0 ? '' : `; ${left} left`}`;
}

const inWords = { station: 'SIGKILL of the station', unit: 'of the unit', line: 'of the cable' } as const;
