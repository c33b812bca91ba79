/** Chance that can be had again, and what a line sounds like while a unit starts. */
import { concatBytes, utf8 } from '../../lib/base/bytes.ts';

/** A number in [0, 1), the same row of them for the same seed (mulberry32). */
export type Chance = () => number;

export function seededChance(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One bit of one byte in `oneIn` is changed, on average. */
export function withNoise(bytes: Uint8Array, oneIn: number, chance: Chance): Uint8Array {
  return bytes.map((byte) => (chance() * oneIn < 1 ? byte ^ (1 << Math.floor(chance() * 8)) : byte));
}

// What boot loaders print: no frame of ours, some of it no text at all.
export const bootMessages = utf8(
  '\r\nU-Boot SPL 2024.01 (Jan 08 2024)\r\nTrying to boot from MMC1\r\n\x06\t*** \x00\xff\r\n',
);

/** Boot messages and rubbish by turns, `count` bytes of it; markers of frames may be among it. */
export function bootNoise(count: number, chance: Chance): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let length = 0; length < count; length += pieces.at(-1)?.length ?? 0) {
    const rubbish = Uint8Array.from({ length: 40 }, () => Math.floor(chance() * 256));
    pieces.push(chance() < 0.5 ? bootMessages : rubbish);
  }
  return concatBytes(...pieces).subarray(0, count);
}
