/**
 * No pulled cable can cheat: a run is cut at every byte of its exchange in both directions, and before and after every
 * step of its journal; station and unit come back, and the unit passes once, as itself. In this process, with the real
 * link, bench, store and recovery; only time is not. A file for each kind of unit, so that two are cut side by side.
 */
import { expect, it } from 'vitest';
import { tryCut } from '../bytecut/cut-case.ts';
import { type CutLab, cutKindNames } from '../bytecut/cut-kinds.ts';
import { type Count, cutEverywhere } from '../bytecut/cut-plan.ts';

/** Some thousand cuts at some milliseconds; a machine that is busy with other suites takes several times as long. */
const limitMs = 600_000;

/** Its bytes are those of the kind that tells its serial number, but for that number: `npm run soak` cuts them too. */
const stepsOnly: ReadonlySet<string> = new Set(['bench-link x509 blank']);

const told = ({ kind, bytes, steps, followed }: Count): string =>
  `bytecut: ${bytes + steps} cuts of ${kind} (${bytes} bytes, ${steps} steps; ${followed} followed to their end)\n`;

export const kindsOf = (attestation: 'tpm' | 'x509'): readonly string[] =>
  cutKindNames.filter((name) => name.split(' ').includes(attestation));

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
