/** What a device brings, and what its proof comes to. */
import { failed, type Result } from '../../lib/base/result.ts';
import { parseSasToken, type SasToken } from '../../lib/dps/sas.ts';
import type { DeviceRegistration } from '../../lib/dps/wire.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import { keyOf, type Enrollment } from './records.ts';
import type { TpmChallenge } from './tpm-challenges.ts';

/** Whichever wire it came by. */
export interface DeviceClaim {
  readonly idScope: string;
  readonly registrationId: string;
  readonly body: DeviceRegistration;
  readonly authorization: string | undefined;
  /** DER; the first is the one whose key TLS has proven, the rest is a set. */
  readonly certificates: readonly Uint8Array[];
  /** As the device sent it, on whichever wire; undefined when it sent none. */
  readonly apiVersion: string | undefined;
  /** The remote address: wrong credentials are counted by it (attempt-limits.ts). */
  readonly source: string;
}

/** A device's two keys in base64: an individual's own, or those derived from its group's. */
export interface DeviceKeys {
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

export type Attested =
  | { readonly is: 'x509'; readonly enrollment: Enrollment; readonly thumbprint: string }
  | { readonly is: 'tpm'; readonly enrollment: Enrollment; readonly challenge: TpmChallenge }
  | {
      readonly is: 'symmetricKey';
      readonly enrollment: Enrollment;
      readonly keys: DeviceKeys;
      /** SHA-256 of the key that signed, hexadecimal. */
      readonly keyId: string;
      /** A group's keys were derived for the id in this spelling. */
      readonly signedId: string;
    }
  /** Not yet: the TPM has to open this first (rule 10). */
  | { readonly is: 'challenge'; readonly authenticationKey: string };

export type Proven = Exclude<Attested, { readonly is: 'challenge' }>;

/** Which check failed: for the log alone. The wire says as little as it may (dps-wire 13 item 2). */
export type RefusalCause =
  | 'unknown-scope'
  | 'no-proof'
  | 'no-enrollment'
  | 'enrollment-disabled'
  | 'enrollment-gone'
  | 'token-unreadable'
  | 'token-for-another'
  | 'token-expired'
  | 'wrong-signature'
  | 'other-endorsement-key'
  /** No key of a TPM, or one of a kind that cannot open what is sealed to it. */
  | 'tpm-key-unusable'
  | 'other-certificate'
  | 'other-common-name'
  | 'certificate-unreadable'
  | 'certificate-out-of-date'
  | 'certificate-weak'
  /** With the chain's own fault. */
  | `chain: ${string}`;

export function refused(reason: string, why: RefusalCause): Result<never, ServiceFault> {
  return failed(serviceFault('unauthorized', { reason, why }));
}

/** dps-wire 1.7: for this scope and this device, `skn` registration, empty or absent. */
export function deviceToken(
  authorization: string,
  claim: Pick<DeviceClaim, 'idScope' | 'registrationId'>,
): Result<SasToken, ServiceFault> {
  const token = parseSasToken(authorization);
  if (!token.ok) return refused('Unauthorized', 'token-unreadable');
  const { resource, keyName } = token.value;
  const expected = `${claim.idScope}/registrations/${claim.registrationId}`;
  const isOurs = keyOf(resource) === keyOf(expected) && (keyName === '' || keyName === 'registration');
  return isOurs ? token : refused('Unauthorized', 'token-for-another');
}
