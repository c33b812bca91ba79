/** A device proves that it holds its TPM: it opens a key that only that TPM can open, and signs with it (dps-wire 4). */
import { fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { isExpired, isSignedBy, sasSkewS, type SasToken } from '../../lib/dps/sas.ts';
import { activationBlob } from '../../lib/tpm/credential.ts';
import { deviceToken, refused, type Attested, type DeviceClaim } from './claim.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import type { Attestation, Enrollment } from './records.ts';
import type { TpmChallenge, TpmChallenges } from './tpm-challenges.ts';

export interface TpmProofParts {
  readonly challenges: TpmChallenges;
  readonly clock: Clock;
  readonly random: Random;
}

export type TpmEnrollment = Enrollment & { readonly attestation: Attestation & { readonly type: 'tpm' } };

export function attestByTpm(
  parts: TpmProofParts,
  claim: DeviceClaim,
  enrollment: TpmEnrollment,
): Result<Attested, ServiceFault> {
  if (!enrollment.enabled) return refused('The enrollment is disabled', 'enrollment-disabled');
  const sent = claim.body.tpm?.endorsementKey;
  // dps-wire 4.3: the EK is compared; the SRK is taken as it comes, so that a cleared TPM can come back.
  if (sent !== undefined && sent !== enrollment.attestation.endorsementKey) {
    return refused('Unauthorized', 'other-endorsement-key');
  }
  if (claim.authorization === undefined) return challenge(parts, claim, enrollment);
  const token = deviceToken(claim.authorization, claim);
  return token.ok ? attestByToken(parts, token.value, { claim, enrollment }) : token;
}

interface Asked {
  readonly claim: DeviceClaim;
  readonly enrollment: TpmEnrollment;
}

function attestByToken(
  parts: TpmProofParts,
  token: SasToken,
  { claim, enrollment }: Asked,
): Result<Attested, ServiceFault> {
  const { tpm } = claim.body;
  // A challenge made for a key that the enrollment no longer holds is worth nothing.
  const endorsementKey = fromBase64(enrollment.attestation.endorsementKey) ?? new Uint8Array();
  const asker = { registrationKey: enrollment.key, source: claim.source, endorsementKey };
  const repeated = tpm ? fromBase64(tpm.storageRootKey ?? enrolledRootKey(enrollment)) : undefined;
  const isAnswered = (one: TpmChallenge): boolean => isSignedBy(token, one.key);
  const answered = parts.challenges.of(asker, repeated).find(isAnswered);
  if (answered === undefined) {
    // It has the TPM: it is asked anew rather than turned away.
    const isLate = repeated !== undefined && parts.challenges.late(asker, repeated).some(isAnswered);
    return isLate ? challenge(parts, claim, enrollment) : refused('Unauthorized', 'wrong-signature');
  }
  const nowS = Math.floor(parts.clock.nowMs() / 1_000);
  if (isExpired(token, { nowS, skewS: sasSkewS })) return refused('Unauthorized', 'token-expired');
  return ok({ is: 'tpm', enrollment, challenge: answered });
}

function enrolledRootKey(enrollment: TpmEnrollment): string {
  return enrollment.attestation.storageRootKey ?? '';
}

function challenge(
  parts: TpmProofParts,
  claim: DeviceClaim,
  enrollment: TpmEnrollment,
): Result<Attested, ServiceFault> {
  const endorsementKey = fromBase64(claim.body.tpm?.endorsementKey ?? '');
  const storageRootKey = fromBase64(claim.body.tpm?.storageRootKey ?? enrolledRootKey(enrollment));
  if (endorsementKey === undefined || endorsementKey.length === 0) return refused('Unauthorized', 'no-proof');
  if (storageRootKey === undefined || storageRootKey.length === 0) {
    return failed(serviceFault('invalid', { reason: 'The storage root key is missing.' }));
  }
  const asker = { registrationKey: enrollment.key, source: claim.source, endorsementKey };
  const blob = sealedKey(parts.random, parts.challenges.issue(asker, storageRootKey));
  if (!blob.ok) return blob;
  return ok({ is: 'challenge', authenticationKey: toBase64(blob.value) });
}

/** Rule 11: a 32-byte HMAC key under a 16-byte inner key. */
export const hmacKeyBytes = 32;
const innerKeyBytes = 16;
// Kept beside the key by one client, read by none (dps-wire 13 item 5).
const blobUri = 'benchline:registration';

/** A key that only this TPM can take (dps-wire 4.5). */
export function sealedKey(random: Random, challenge: TpmChallenge): Result<Uint8Array, ServiceFault> {
  const blob = activationBlob({
    ek: challenge.endorsementKey,
    srk: challenge.storageRootKey,
    hmacKey: challenge.key,
    innerKey: random.bytes(innerKeyBytes),
    obfuscation: random.bytes(hmacKeyBytes),
    credentialSeed: random.bytes(hmacKeyBytes),
    duplicateSeed: random.bytes(hmacKeyBytes),
    uri: blobUri,
  });
  return blob.ok ? blob : failed(invalidBecause(blob.fault));
}
