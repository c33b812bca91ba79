/** What can go wrong on the way to the agent's TPM. */
import { type Fault, type FaultDetail, faultMaker } from '../../lib/base/fault.ts';
import { type Failed, failed } from '../../lib/base/result.ts';

const table = {
  'tpm-swtpm-missing': {
    say: 'The program swtpm is not installed on this machine.',
    hint: 'Install it (Debian, Ubuntu: apt install swtpm), or ask for the software TPM.',
  },
  'tpm-swtpm-failed': {
    say: 'swtpm could not be started ({reason}).',
    hint: 'Check that its state folder is writable and not used by another swtpm.',
  },
  'tpm-link-down': {
    say: 'The TPM cannot be reached ({reason}).',
    hint: 'Check that the TPM or its emulator is running, then try again.',
  },
  'tpm-device-missing': {
    say: 'There is no TPM at {path}.',
    hint: 'Check that the TPM sits firmly and that its device tree overlay is enabled, then start the unit again.',
  },
  'tpm-device-denied': {
    say: 'The agent may not use the TPM at {path}.',
    hint: 'Let the device belong to the group tss, and the agent run in that group.',
  },
  'tpm-device-busy': {
    say: 'Another program holds the TPM at {path}.',
    hint: 'Use /dev/tpmrm0, which several programs may use, or end the other program.',
  },
  'tpm-link-timeout': {
    say: 'The TPM did not answer within {seconds} s.',
    hint: 'Power the unit off and on; if it happens again, replace the TPM.',
  },
  'tpm-link-cancelled': { say: 'Waiting for the TPM was cancelled.', hint: 'Start the unit again.' },
  'tpm-link-malformed': {
    say: 'What came from the TPM is not an answer ({reason}).',
    hint: 'Check that the address is that of a TPM 2.0.',
  },
  'tpm-link-full': { say: 'Too many commands wait for the TPM.', hint: 'Wait for the earlier ones to end.' },
  'tpm-command-size': { say: 'A TPM command has an impossible length.', hint: 'Report this to support.' },
  'tpm-state-unreadable': {
    say: 'The state file of the software TPM cannot be read ({reason}).',
    hint: 'Restore the file, or remove it to begin with a new TPM.',
  },
  'tpm-state-unwritable': {
    say: 'The state file of the software TPM cannot be written ({reason}).',
    hint: 'Free some disk space and check the rights of its folder.',
  },
} as const;

export type TpmLinkFaultCode = keyof typeof table;

const make = faultMaker(table);

export function linkFailed(code: TpmLinkFaultCode, detail?: FaultDetail): Failed<Fault<TpmLinkFaultCode>> {
  return failed(make(code, detail));
}

/** The system's short name of an error (ENOENT), which holds no path and no secret. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
