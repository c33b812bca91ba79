/** Everything that can go wrong between us and a TPM, in the words of the hall. */
import { type Fault, type FaultDetail, faultMaker } from '../base/fault.ts';
import { type Failed, failed } from '../base/result.ts';

const table = {
  'tpm-response-malformed': {
    say: 'The TPM sent an answer that cannot be read ({what}).',
    hint: 'Plug the unit in again; if it happens twice, set the unit aside.',
  },
  'tpm-busy': {
    say: 'The TPM stayed busy for too long ({rcName}).',
    hint: 'Wait a minute and start the unit again.',
  },
  'tpm-cancelled': { say: 'The work with the TPM was cancelled.', hint: 'Start the unit again.' },
  'tpm-handle-absent': {
    say: 'The TPM holds nothing at the place that was asked for ({rcName}).',
    hint: 'Check that the unit has been prepared, then start it again.',
  },
  'tpm-integrity': {
    say: 'The TPM refused a key because it was damaged or made for another TPM ({rcName}).',
    hint: 'Start the unit again; if it happens twice, enroll it anew.',
  },
  'tpm-value-refused': {
    say: 'The TPM refused a value it was given ({rcName}).',
    hint: 'Start the unit again; if it happens twice, set the unit aside.',
  },
  'tpm-auth-refused': {
    say: 'The TPM asks for a password that the station does not have ({rcName}).',
    hint: 'Clear the TPM in the firmware set-up of the unit, then start it again.',
  },
  'tpm-locked-out': {
    say: 'The TPM is locked after too many wrong passwords.',
    hint: 'Clear the TPM in the firmware set-up of the unit, or wait for its lock to end.',
  },
  'tpm-policy-refused': {
    say: 'The TPM does not allow this use of its key ({rcName}).',
    hint: 'Set the unit aside: its endorsement key has an unusual policy.',
  },
  'tpm-memory-full': {
    say: 'The TPM has no free place left ({rcName}).',
    hint: 'Power the unit off and on, then start it again.',
  },
  'tpm-disabled': {
    say: 'A part of the TPM is switched off ({rcName}).',
    hint: 'Switch the TPM on in the firmware set-up of the unit.',
  },
  'tpm-failure-mode': {
    say: 'The TPM reports that it is broken ({rcName}).',
    hint: 'Power the unit off and on; if it happens again, replace the TPM.',
  },
  'tpm-nv-refused': {
    say: 'The TPM does not let its stored certificate be read ({rcName}).',
    hint: 'Check the policy for EK certificates of this batch.',
  },
  'tpm-refused': {
    say: 'The TPM refused a command ({rcName}).',
    hint: 'Start the unit again; if it happens twice, set the unit aside.',
  },
  'tpm-public-malformed': {
    say: 'A public key from a TPM cannot be read ({what}).',
    hint: 'Check that the value is a whole TPM2B_PUBLIC.',
  },
  'tpm-key-unsupported': {
    say: 'This TPM key is of a kind that cannot be used here ({what}).',
    hint: 'Use an RSA-2048 key with SHA-256 and AES-128-CFB, as the TCG default template gives.',
  },
  'tpm-key-unusable': {
    say: 'The public key of the TPM is not a usable RSA key.',
    hint: 'Read the key from the unit again.',
  },
  'tpm-secret-size': {
    say: 'A secret for the TPM has the wrong length ({what}).',
    hint: 'Report this to support.',
  },
  'tpm-blob-malformed': {
    say: 'The key package for the TPM cannot be read ({what}).',
    hint: 'Register the unit again.',
  },
  'tpm-possession-unproven': {
    say: 'The unit could not prove that it owns the key it shows.',
    hint: 'Set the unit aside: it may show the key of another unit.',
  },
} as const;

export type TpmFaultCode = keyof typeof table;

const make = faultMaker(table);

function tpmFault(code: TpmFaultCode, detail?: FaultDetail): Fault<TpmFaultCode> {
  return make(code, detail);
}

export function tpmFailed(code: TpmFaultCode, detail?: FaultDetail): Failed<Fault<TpmFaultCode>> {
  return failed(tpmFault(code, detail));
}
