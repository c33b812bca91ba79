/** The software TPMs of the byte-cut proof: their keys are made once, since RSA keys take seconds. */
import { createHash } from 'node:crypto';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { runCommand } from '../../src-main/agent/tpm/software/dispatch.ts';
import { createMemory } from '../../src-main/agent/tpm/software/memory.ts';
import { type TpmState, readState } from '../../src-main/agent/tpm/software/state.ts';
import { prepareTpmState } from '../flows/support/lab-unit.ts';

export interface CutTpm {
  readonly state: TpmState;
  /** SHA-256 of its endorsement key (TPM2B_PUBLIC), in hexadecimal: what a pass record calls the unit by. */
  readonly fingerprint: string;
}

export async function prepareCutTpm(file: string): Promise<CutTpm> {
  const state = must(await readState(await prepareTpmState(file, systemClock)));
  if (state === undefined) throw new Error('the TPM kept nothing');
  const memory = createMemory('', state);
  const tpm = createTpm({ transmit: async (command) => ok(await runCommand(memory, command)) }, systemClock);
  const { ek } = must(await readTpmIdentity(tpm));
  return { state, fingerprint: createHash('sha256').update(ek).digest('hex') };
}
