import { describe, expect, it } from 'vitest';
import { faultMaker } from '../../lib/base/fault.ts';
import { benchFaults, verdictOf } from './faults.ts';

const withCode = (code: string) => faultMaker({ [code]: { say: 'It happened.', hint: 'Do this.' } })(code);

describe('the blame for a fault', () => {
  it('lies with the unit when what it is, shows or keeps is wrong', () => {
    const units = ['serial-mismatch', 'identity-taken', 'csr-name-mismatch', 'ek-certificate-untrusted'];
    for (const code of [...units, 'read-back-differs', 'link-write-differs', 'tpm-possession-unproven']) {
      expect(verdictOf(withCode(code)), code).toBe('fail');
    }
  });

  const ours = ['chain-expired', 'chain-incomplete', 'serial-in-other-batch', 'ek-roots-missing', 'target-unknown'];

  it('lies with us for a cable, a restart, an abort and everything unknown', () => {
    for (const code of [
      'link-lost',
      'link-silent',
      'run-aborted',
      'station-restarted',
      'run-broke',
      'new-fault',
      ...ours,
    ]) {
      expect(verdictOf(withCode(code)), code).toBe('error');
    }
  });

  it('is told with a sentence and one next action each', () => {
    for (const [code, { say, hint }] of Object.entries(benchFaults)) {
      expect(say, code).toMatch(/[.}]$/);
      expect(hint, code).toMatch(/\.$/);
    }
  });
});
