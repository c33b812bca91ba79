/** What a bad line does to the bytes of one direction: pure, by position and seed. */

/** At these positions (the first byte of a direction is 0), and at one byte in so many, by the seed. */
export interface Where {
  readonly at?: readonly number[];
  readonly oneIn?: number;
}

export interface Bends {
  /** One bit of the byte is turned over. */
  readonly corrupt?: Where;
  /** The byte comes twice. */
  readonly duplicate?: Where;
  /** The byte and the one after it, of the same piece, change places. */
  readonly reorder?: Where;
  /** Every byte is read at another speed: noise with the look of framing errors. */
  readonly garble?: boolean;
  /** The line stops for so long before this byte. */
  readonly pause?: { readonly at: number; readonly ms: number };
  /** So many bytes pass; then the line is dead, in both directions. */
  readonly cutAt?: number;
}

export interface Bent {
  readonly bytes: Uint8Array;
  /** Where in `bytes` the line stops first, and for how long. */
  readonly pause: { readonly before: number; readonly ms: number } | undefined;
  /** The direction's limit is reached: nothing passes after these bytes. */
  readonly isCut: boolean;
}

export interface Bender {
  bend(bytes: Uint8Array): Bent;
  /** Bytes that came, not those that went. */
  readonly count: number;
}

/** xorshift32: the same seed bends the same bytes. */
export function seeded(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** What a receiver at another speed mostly sees: long runs of one level, cut anywhere. */
const framingNoise = [0x00, 0x80, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc, 0xfe, 0xff, 0x9c, 0xe6, 0x1e, 0x66, 0x98];

export function createBender(bends: Bends, seed: number): Bender {
  const chance = seeded(seed);
  let count = 0;
  const hits = (where: Where | undefined, at: number): boolean =>
    where !== undefined &&
    (where.at?.includes(at) === true || (where.oneIn !== undefined && chance() * where.oneIn < 1));
  const bendByte = (byte: number, at: number): readonly number[] => {
    if (bends.garble === true) return [framingNoise[Math.floor(chance() * framingNoise.length)] ?? 0];
    const value = hits(bends.corrupt, at) ? byte ^ (1 << Math.floor(chance() * 8)) : byte;
    return hits(bends.duplicate, at) ? [value, value] : [value];
  };
  const bend = (bytes: Uint8Array): Bent => {
    const room = bends.cutAt === undefined ? bytes.length : Math.max(0, bends.cutAt - count);
    const passing = swapped([...bytes.subarray(0, room)], count, (at) => hits(bends.reorder, at));
    const out: number[] = [];
    let pause: Bent['pause'];
    for (const byte of passing) {
      if (bends.pause?.at === count) pause = { before: out.length, ms: bends.pause.ms };
      out.push(...bendByte(byte, count));
      count += 1;
    }
    return { bytes: Uint8Array.from(out), pause, isCut: bends.cutAt !== undefined && count >= bends.cutAt };
  };
  return {
    bend,
    get count() {
      return count;
    },
  };
}

function swapped(bytes: number[], from: number, isHit: (at: number) => boolean): number[] {
  for (let at = 0; at + 1 < bytes.length; at += 1) {
    if (!isHit(from + at)) continue;
    const [first = 0, second = 0] = bytes.slice(at, at + 2);
    bytes.splice(at, 2, second, first);
    at += 1;
  }
  return bytes;
}
