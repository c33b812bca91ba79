/** TPM response codes (Part 2, clause 6.6): one table from a code to its name and to our fault. */
import type { Failed } from '../base/result.ts';
import type { Fault } from '../base/fault.ts';
import { type TpmFaultCode, tpmFailed } from './faults.ts';

interface Meaning {
  readonly name: string;
  readonly fault: TpmFaultCode;
}

const meanings: ReadonlyMap<number, Meaning> = new Map([
  [0x100, { name: 'TPM_RC_INITIALIZE', fault: 'tpm-disabled' }],
  [0x101, { name: 'TPM_RC_FAILURE', fault: 'tpm-failure-mode' }],
  [0x120, { name: 'TPM_RC_DISABLED', fault: 'tpm-disabled' }],
  [0x124, { name: 'TPM_RC_AUTH_TYPE', fault: 'tpm-auth-refused' }],
  [0x125, { name: 'TPM_RC_AUTH_MISSING', fault: 'tpm-auth-refused' }],
  [0x12f, { name: 'TPM_RC_AUTH_UNAVAILABLE', fault: 'tpm-auth-refused' }],
  [0x142, { name: 'TPM_RC_COMMAND_SIZE', fault: 'tpm-refused' }],
  [0x143, { name: 'TPM_RC_COMMAND_CODE', fault: 'tpm-refused' }],
  [0x146, { name: 'TPM_RC_NV_RANGE', fault: 'tpm-nv-refused' }],
  [0x148, { name: 'TPM_RC_NV_LOCKED', fault: 'tpm-nv-refused' }],
  [0x149, { name: 'TPM_RC_NV_AUTHORIZATION', fault: 'tpm-nv-refused' }],
  [0x14a, { name: 'TPM_RC_NV_UNINITIALIZED', fault: 'tpm-nv-refused' }],
  [0x14b, { name: 'TPM_RC_NV_SPACE', fault: 'tpm-memory-full' }],
  [0x14c, { name: 'TPM_RC_NV_DEFINED', fault: 'tpm-refused' }],
  [0x153, { name: 'TPM_RC_NEEDS_TEST', fault: 'tpm-failure-mode' }],
  [0x902, { name: 'TPM_RC_OBJECT_MEMORY', fault: 'tpm-memory-full' }],
  [0x903, { name: 'TPM_RC_SESSION_MEMORY', fault: 'tpm-memory-full' }],
  [0x904, { name: 'TPM_RC_MEMORY', fault: 'tpm-memory-full' }],
  [0x905, { name: 'TPM_RC_SESSION_HANDLES', fault: 'tpm-memory-full' }],
  [0x906, { name: 'TPM_RC_OBJECT_HANDLES', fault: 'tpm-memory-full' }],
  [0x908, { name: 'TPM_RC_YIELDED', fault: 'tpm-busy' }],
  [0x909, { name: 'TPM_RC_CANCELED', fault: 'tpm-cancelled' }],
  [0x90a, { name: 'TPM_RC_TESTING', fault: 'tpm-busy' }],
  [0x910, { name: 'TPM_RC_REFERENCE_H0', fault: 'tpm-handle-absent' }],
  [0x918, { name: 'TPM_RC_REFERENCE_S0', fault: 'tpm-handle-absent' }],
  [0x920, { name: 'TPM_RC_NV_RATE', fault: 'tpm-busy' }],
  [0x921, { name: 'TPM_RC_LOCKOUT', fault: 'tpm-locked-out' }],
  [0x922, { name: 'TPM_RC_RETRY', fault: 'tpm-busy' }],
  [0x923, { name: 'TPM_RC_NV_UNAVAILABLE', fault: 'tpm-busy' }],
  [0x081, { name: 'TPM_RC_ASYMMETRIC', fault: 'tpm-value-refused' }],
  [0x082, { name: 'TPM_RC_ATTRIBUTES', fault: 'tpm-value-refused' }],
  [0x083, { name: 'TPM_RC_HASH', fault: 'tpm-value-refused' }],
  [0x084, { name: 'TPM_RC_VALUE', fault: 'tpm-value-refused' }],
  [0x085, { name: 'TPM_RC_HIERARCHY', fault: 'tpm-disabled' }],
  [0x08a, { name: 'TPM_RC_TYPE', fault: 'tpm-value-refused' }],
  [0x08b, { name: 'TPM_RC_HANDLE', fault: 'tpm-handle-absent' }],
  [0x08e, { name: 'TPM_RC_AUTH_FAIL', fault: 'tpm-auth-refused' }],
  [0x092, { name: 'TPM_RC_SCHEME', fault: 'tpm-value-refused' }],
  [0x095, { name: 'TPM_RC_SIZE', fault: 'tpm-value-refused' }],
  [0x096, { name: 'TPM_RC_SYMMETRIC', fault: 'tpm-value-refused' }],
  [0x098, { name: 'TPM_RC_SELECTOR', fault: 'tpm-value-refused' }],
  [0x09a, { name: 'TPM_RC_INSUFFICIENT', fault: 'tpm-value-refused' }],
  [0x09c, { name: 'TPM_RC_KEY', fault: 'tpm-value-refused' }],
  [0x09d, { name: 'TPM_RC_POLICY_FAIL', fault: 'tpm-policy-refused' }],
  [0x09f, { name: 'TPM_RC_INTEGRITY', fault: 'tpm-integrity' }],
  [0x0a1, { name: 'TPM_RC_RESERVED_BITS', fault: 'tpm-value-refused' }],
  [0x0a2, { name: 'TPM_RC_BAD_AUTH', fault: 'tpm-auth-refused' }],
  [0x0a5, { name: 'TPM_RC_BINDING', fault: 'tpm-integrity' }],
]);

export const rcSuccess = 0;
export const rcInitialize = 0x100;
export const rcNeedsTest = 0x153;

const busy: ReadonlySet<number> = new Set([0x908, 0x90a, 0x920, 0x922]);

/** The TPM did not run the command and asks to be sent it again (Part 1, clause 30.4). */
export function isBusy(rc: number): boolean {
  return busy.has(rc);
}

/** A code without the number of the parameter, session or handle it is about. */
function baseCode(rc: number): number {
  const formatOne = (rc & 0x080) !== 0;
  if (formatOne) return rc & 0x0bf;
  // TPM_RC_REFERENCE_H0 to H6 and S0 to S6 differ only in which one is meant.
  if (rc >= 0x910 && rc <= 0x916) return 0x910;
  return rc >= 0x918 && rc <= 0x91e ? 0x918 : rc;
}

/** Which one a format-one code is about: bit 6 a parameter, else bit 11 a session, else a handle. */
function subject(rc: number): string {
  if ((rc & 0x080) === 0) return '';
  if ((rc & 0x040) !== 0) return ` of parameter ${(rc >> 8) & 15}`;
  const number = (rc >> 8) & 7;
  if (number === 0) return '';
  return (rc & 0x800) === 0 ? ` of handle ${number}` : ` of session ${number}`;
}

export function rcFailed(rc: number, command: number): Failed<Fault<TpmFaultCode>> {
  const meaning = meanings.get(baseCode(rc));
  const hex = `0x${rc.toString(16).padStart(3, '0')}`;
  const rcName = meaning === undefined ? hex : `${meaning.name}${subject(rc)}`;
  const detail = { rc, rcHex: hex, rcName, command: `0x${command.toString(16)}` };
  return tpmFailed(meaning?.fault ?? 'tpm-refused', detail);
}
