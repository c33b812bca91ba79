/**
 * Broken inputs made from good ones, and the trial of a parser with them. `read` may refuse in its own way, by a fault or by
 * undefined; it may not throw, and it may not take long.
 */
import fc from 'fast-check';
import { utf8 } from '../../src-main/lib/base/bytes.ts';

export interface Parser {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** How many inputs a soak run gives it; the costly ones get fewer. */
  readonly inputs: number;
  read(bytes: Uint8Array): unknown;
}

type Edit =
  | { readonly edit: 'set' | 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly edit: 'cut' | 'repeat'; readonly at: number; readonly length: number };

// What breaks readers more often than chance: ends, lengths, quotes, escapes, surrogates, deep nesting.
const spice = [
  '\0',
  '%',
  '%zz',
  '%2F',
  '/',
  '../',
  '=',
  '&',
  ';',
  '"',
  '\\u0000',
  '\ud800',
  '__proto__',
  '-',
  '['.repeat(2_000),
  '/'.repeat(8_000),
  ' '.repeat(8_000),
  '&'.repeat(8_000),
];
const spices = [
  ...spice.map(utf8),
  Uint8Array.of(0xff),
  Uint8Array.of(0x80),
  Uint8Array.of(0x84, 0xff, 0xff, 0xff, 0xff),
];

const piece = fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.constantFrom(...spices));
const place = fc.double({ min: 0, max: 1, noNaN: true });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ edit: fc.constantFrom('set' as const, 'insert' as const), at: place, bytes: piece }),
  fc.record({ edit: fc.constantFrom('cut' as const, 'repeat' as const), at: place, length: fc.nat(64) }),
);

/** One of the samples with some bytes changed. */
export function changedSamples(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { maxLength: 6 }))
    .map(([sample, edits]) => edits.reduce(edited, sample));
}

/** Or bytes of chance, now and then. */
function inputsFor(parser: Parser): fc.Arbitrary<Uint8Array> {
  const chance = fc.uint8Array({ maxLength: 400 });
  return fc.oneof({ weight: 9, arbitrary: changedSamples(parser.samples) }, { weight: 1, arbitrary: chance });
}

function edited(bytes: Uint8Array, change: Edit): Uint8Array {
  const at = Math.floor(change.at * bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (change.edit) {
    case 'set':
      return Buffer.concat([before, change.bytes, after.subarray(change.bytes.length)]);
    case 'insert':
      return Buffer.concat([before, change.bytes, after]);
    case 'cut':
      return Buffer.concat([before, after.subarray(change.length)]);
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, change.length), after]);
  }
}

export interface Trial {
  readonly seed: number;
  readonly inputs: number;
  /** Of processor time, so that a busy machine does not count. */
  readonly limitMs: number;
}

/** Throws with the smallest input that does not hold. */
export function tryParser(parser: Parser, trial: Trial): void {
  const holds = (bytes: Uint8Array): void => {
    const before = process.cpuUsage();
    parser.read(bytes);
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1_000;
    if (ms > trial.limitMs) throw new Error(`${ms.toFixed(0)} ms for one input`);
  };
  // one reading before the first that is timed: what is compiled and loaded once does not count
  for (const sample of parser.samples) parser.read(sample);
  fc.assert(fc.property(inputsFor(parser), holds), { seed: trial.seed, numRuns: trial.inputs });
}
