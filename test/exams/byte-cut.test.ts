/**
 * No pulled cable can cheat: a run is cut at every byte of its exchange in both directions, and before and after every
 * step of its journal; station and unit come back, and the unit passes once, as itself. In this process, with the real
 * link, bench, store and recovery; only time is not.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Spoil, tryCut } from '../bytecut/cut-case.ts';
import { type CutLab, cutKindNames, openCutLab } from '../bytecut/cut-kinds.ts';
import { type Count, cutEverywhere } from '../bytecut/cut-plan.ts';
import { spoils } from '../bytecut/spoils.ts';

/** Some thousand cuts at some milliseconds; a machine that is busy with other suites takes several times as long. */
const limitMs = 600_000;

/** Its bytes are those of the kind that tells its serial number, but for that number: `npm run soak` cuts them too. */
const stepsOnly: ReadonlySet<string> = new Set(['bench-link x509 blank']);

let lab: CutLab;

beforeAll(async () => {
  lab = await openCutLab();
});

const kindOf = (name: string) => lab.kinds.find((kind) => kind.name === name)!;
const told = ({ kind, bytes, steps, followed }: Count): string =>
  `bytecut: ${bytes + steps} cuts of ${kind} (${bytes} bytes, ${steps} steps; ${followed} followed to their end)\n`;

describe.each(cutKindNames)('a run of %s', (name) => {
  it(
    'cut at any byte and at any step of the journal, ends in one pass of one identity',
    async () => {
      const isStepsOnly = stepsOnly.has(name);
      const count = await cutEverywhere(kindOf(name), lab.signer, { every: 'turn', isMemorised: true, isStepsOnly });
      process.stdout.write(told(count));
      const whole = await tryCut(kindOf(name), lab.signer);
      // ECDSA signatures make a run some bytes longer or shorter.
      const bytes = isStepsOnly ? 0 : whole.bytes['to unit'] + whole.bytes['to station'] - 24;
      expect(count.bytes).toBeGreaterThanOrEqual(bytes);
      // Three ends and a swap, before and after each.
      expect(count.steps).toBe(whole.steps.length * 8);
    },
    limitMs,
  );
});

describe('the proof', () => {
  it.each(Object.entries(spoils))('is broken by %s', async (_fault, { kind, spoil }) => {
    await expect(firstBroken(kind, spoil)).resolves.toMatch(/cut at|keys|pass/);
  });
});

/** The first thing that does not hold with a fault planted: steps alone find it, in a second. */
async function firstBroken(name: string, spoil: Spoil): Promise<string> {
  try {
    await cutEverywhere(kindOf(name), lab.signer, { every: 'turn', isMemorised: false, spoil, isStepsOnly: true });
    return 'nothing was found';
  } catch (error) {
    return error instanceof Error ? error.message : 'no error';
  }
}
