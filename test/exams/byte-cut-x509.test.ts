/** Units with a certificate behind the bench link, cut everywhere; and the cuts that find planted faults. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type CutLab, cutKindNames, openCutLab } from '../bytecut/cut-kinds.ts';
import { spoils } from '../bytecut/spoils.ts';
import { itHoldsWherever, itIsBrokenBy, kindsOf } from './byte-cut-exam.ts';

const kinds = kindsOf('x509');
const faults = Object.entries(spoils).filter(([, { kind }]) => kinds.includes(kind));
let lab: CutLab;

beforeAll(async () => {
  lab = await openCutLab();
});

describe('a run', () => {
  itHoldsWherever(kinds, () => lab);
});

describe('the proof', () => {
  itIsBrokenBy(faults, () => lab);

  it('leaves out no kind, and each driver has its planted fault', () => {
    const all = (['tpm', 'x509', 'console'] as const).flatMap((share) => kindsOf(share));
    expect(all.toSorted()).toEqual(cutKindNames.toSorted());
    const planted = new Set(Object.values(spoils).map(({ kind }) => kind.split(' ')[0]));
    expect([...planted].toSorted()).toEqual([...new Set(all.map((kind) => kind.split(' ')[0]))].toSorted());
  });
});
