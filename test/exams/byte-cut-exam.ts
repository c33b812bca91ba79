/**
 * No pulled cable can cheat: a run is cut at every byte of its exchange in both directions, and before and after every
 * step of its journal; station and unit come back, and the unit passes once, as itself. In this process, with the real
 * link, bench, store and recovery; only time is not. A file for each kind of unit, so that two are cut side by side.
 */
import { expect, it } from 'vitest';
import { tryCut } from '../bytecut/cut-case.ts';
import { type CutLab, cutKindNames } from '../bytecut/cut-kinds.ts';
import { type Count, cutEverywhere } from '../bytecut/cut-plan.ts';
import { type Planted, spoiledKind } from '../bytecut/spoils.ts';

/** Some thousand cuts at some milliseconds; a machine that is busy with other suites takes several times as long. */
const limitMs = 600_000;

/** `npm run soak` cuts their bytes: one is another kind but for its number, the other a second recipe of the same driver. */
const stepsOnly: ReadonlySet<string> = new Set(['bench-link x509 blank', 'example-board x509']);

const told = ({ kind, bytes, steps, followed }: Count): string =>
  `bytecut: ${bytes + steps} cuts of ${kind} (${bytes} bytes, ${steps} steps; ${followed} followed to their end)\n`;

const consoles: ReadonlySet<string> = new Set(['nordic-nrf91 x509', 'example-board x509']);

/** The kinds of one file. */
export const kindsOf = (share: 'tpm' | 'x509' | 'console'): readonly string[] =>
  cutKindNames.filter((name) =>
    share === 'console' ? consoles.has(name) : !consoles.has(name) && name.split(' ').includes(share),
  );

export function itHoldsWherever(kinds: readonly string[], lab: () => CutLab): void {
  it.each(kinds)(
    'of %s, cut at any byte and at any step of the journal, ends in one pass of one identity',
    async (name) => {
      const { kinds: all, signer } = lab();
      const kind = all.find((one) => one.name === name)!;
      const isStepsOnly = stepsOnly.has(name);
      const count = await cutEverywhere(kind, signer, { every: 'turn', isMemorised: true, isStepsOnly });
      process.stdout.write(told(count));
      const whole = await tryCut(kind, signer);
      // ECDSA signatures make a run some bytes longer or shorter.
      const bytes = isStepsOnly ? 0 : whole.bytes['to unit'] + whole.bytes['to station'] - 24;
      expect(count.bytes).toBeGreaterThanOrEqual(bytes);
      // Three ends and a swap, before and after each.
      expect(count.steps).toBe(whole.steps.length * 8);
    },
    limitMs,
  );
}

export function itIsBrokenBy(faults: readonly (readonly [string, Planted])[], lab: () => CutLab): void {
  it.each(faults)('is broken by %s', async (_fault, planted) => {
    await expect(firstBroken(lab(), planted)).resolves.toMatch(/cut at|keys|pass/);
  });
}

/** The first thing that does not hold with a fault planted: steps alone find it, in a second. */
async function firstBroken({ kinds, signer }: CutLab, planted: Planted): Promise<string> {
  const kind = spoiledKind(
    kinds.find((one) => one.name === planted.kind)!,
    planted,
  );
  const { spoil } = planted;
  const options = { every: 'turn', isMemorised: false, isStepsOnly: true, ...(spoil && { spoil }) } as const;
  try {
    await cutEverywhere(kind, signer, options);
    return 'nothing was found';
  } catch (error) {
    return error instanceof Error ? error.message : 'no error';
  }
}
