/** Units with a TPM, cut everywhere. */
import { beforeAll, describe } from 'vitest';
import { type CutLab, openCutLab } from '../bytecut/cut-kinds.ts';
import { itHoldsWherever, kindsOf } from './byte-cut-exam.ts';

let lab: CutLab;

beforeAll(async () => {
  lab = await openCutLab();
});

describe('a run', () => {
  itHoldsWherever(kindsOf('tpm'), () => lab);
});
