/** Units with a text console, cut everywhere; and the cuts that find planted faults. */
import { beforeAll, describe } from 'vitest';
import { type CutLab, openCutLab } from '../bytecut/cut-kinds.ts';
import { spoils } from '../bytecut/spoils.ts';
import { itHoldsWherever, itIsBrokenBy, kindsOf } from './byte-cut-exam.ts';

const kinds = kindsOf('console');
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
});
