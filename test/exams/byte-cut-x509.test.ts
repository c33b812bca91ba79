/** Units with a certificate, cut everywhere; and the cut that finds a planted fault. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Spoil } from '../bytecut/cut-case.ts';
import { type CutLab, cutKindNames, openCutLab } from '../bytecut/cut-kinds.ts';
import { cutEverywhere } from '../bytecut/cut-plan.ts';
import { spoils } from '../bytecut/spoils.ts';
import { itHoldsWherever, kindsOf } from './byte-cut-exam.ts';

let lab: CutLab;

beforeAll(async () => {
  lab = await openCutLab();
});

describe('a run', () => {
  itHoldsWherever(kindsOf('x509'), () => lab);
});

describe('the proof', () => {
  it.each(Object.entries(spoils))('is broken by %s', async (_fault, { kind, spoil }) => {
    await expect(firstBroken(kind, spoil)).resolves.toMatch(/cut at|keys|pass/);
  });

  it('leaves out no kind', () => {
    expect([...kindsOf('tpm'), ...kindsOf('x509')].toSorted()).toEqual(cutKindNames.toSorted());
  });
});

/** The first thing that does not hold with a fault planted: steps alone find it, in a second. */
async function firstBroken(name: string, spoil: Spoil): Promise<string> {
  const kind = lab.kinds.find((one) => one.name === name)!;
  try {
    await cutEverywhere(kind, lab.signer, { every: 'turn', isMemorised: false, spoil, isStepsOnly: true });
    return 'nothing was found';
  } catch (error) {
    return error instanceof Error ? error.message : 'no error';
  }
}
