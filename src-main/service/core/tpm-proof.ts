/** A device proves that it holds its TPM: it opens a key that only that TPM can open, and signs with it (dps-wire 4). */
import { fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { isExpired, isSignedBy, sasSkewS, type SasToken } from '../../lib/dps/sas.ts';
import { maxTpmPublicBytes, maxTpmPublicText } from '../../lib/dps/wire.ts';
import { activationBlob } from '../../lib/tpm/credential.ts';
import type { StorageKeyReader } from '../../lib/tpm/storage-key.ts';
import { deviceToken, refused, type Attested, type DeviceClaim, type RefusalCause } from './claim.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import type { Attestation, Enrollment } from './records.ts';
import type { TpmChallenge, TpmChallenges } from './tpm-challenges.ts';

export interface SealingParts {
  readonly random: Random;
  readonly readStorageKey: StorageKeyReader;
}

export interface TpmProofParts extends SealingParts {
  readonly challenges: TpmChallenges;
  readonly clock: Clock;
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
  // What the token says of itself costs nothing to look at; each challenge that may be meant costs two HMACs.
  const nowS = Math.floor(parts.clock.nowMs() / 1_000);
  if (isExpired(token, { nowS, skewS: sasSkewS })) return refused('Unauthorized', 'token-expired');
  const text = claim.body.tpm ? rootKeyText(claim, enrollment) : '';
  const repeated = text === '' ? undefined : tpmPublicIn(text);
  if (text !== '' && repeated === undefined) return unusable('The storage root key is not one of a TPM.');
  // A challenge made for a key that the enrollment no longer holds is worth nothing.
  const endorsementKey = fromBase64(enrollment.attestation.endorsementKey) ?? new Uint8Array();
  const asker = { registrationKey: enrollment.key, source: claim.source, endorsementKey };
  const answered = signedIn(token, parts.challenges.of(asker, repeated));
  if (answered !== undefined) return ok({ is: 'tpm', enrollment, challenge: answered });
  // It has the TPM: it is asked anew rather than turned away.
  const late = repeated && signedIn(token, parts.challenges.late(asker, repeated));
  return late ? challenge(parts, claim, enrollment) : refused('Unauthorized', 'wrong-signature');
}

/** The first that the token's signature answers: no more of them are made than it takes to find it. */
function signedIn(token: SasToken, challenges: Iterable<TpmChallenge>): TpmChallenge | undefined {
  for (const one of challenges) if (isSignedBy(token, one.key)) return one;
  return undefined;
}

/** As sent, or else as enrolled; empty when neither has one. */
function rootKeyText(claim: DeviceClaim, enrollment: TpmEnrollment): string {
  return claim.body.tpm?.storageRootKey ?? enrollment.attestation.storageRootKey ?? '';
}

/** Bounded here too: over AMQP no JSON brings it. */
function tpmPublicIn(text: string): Uint8Array | undefined {
  const bytes = text.length > maxTpmPublicText ? undefined : fromBase64(text);
  return bytes === undefined || bytes.length > maxTpmPublicBytes ? undefined : bytes;
}

function challenge(
  parts: TpmProofParts,
  claim: DeviceClaim,
  enrollment: TpmEnrollment,
): Result<Attested, ServiceFault> {
  const endorsementKey = tpmPublicIn(claim.body.tpm?.endorsementKey ?? '');
  const text = rootKeyText(claim, enrollment);
  const storageRootKey = tpmPublicIn(text);
  if (endorsementKey === undefined || endorsementKey.length === 0) return refused('Unauthorized', 'no-proof');
  if (text === '') return unusable('The storage root key is missing.');
  if (storageRootKey === undefined) return unusable('The storage root key is not one of a TPM.');
  const asker = { registrationKey: enrollment.key, source: claim.source, endorsementKey };
  const issued = parts.challenges.issue(asker, storageRootKey);
  const blob = sealedKey(parts, issued);
  if (!blob.ok) return unusable(blob.fault.say);
  // Kept once it is known to be a key: sealing to it has read it.
  parts.challenges.keep(asker, issued);
  return ok({ is: 'challenge', authenticationKey: toBase64(blob.value) });
}

/** Told as what it is, and counted as a wrong proof (attempt-limits.ts). */
function unusable(reason: string): Result<never, ServiceFault> {
  const why: RefusalCause = 'tpm-key-unusable';
  return failed(serviceFault('invalid', { reason, why }));
}

/** Rule 11: a 32-byte HMAC key under a 16-byte inner key. */
export const hmacKeyBytes = 32;
const innerKeyBytes = 16;
// Kept beside the key by one client, read by none (dps-wire 13 item 5).
const blobUri = 'benchline:registration';

/** A key that only this TPM can take (dps-wire 4.5). */
export function sealedKey(parts: SealingParts, challenge: TpmChallenge): Result<Uint8Array, ServiceFault> {
  const { random, readStorageKey } = parts;
  const input = {
    ek: challenge.endorsementKey,
    srk: challenge.storageRootKey,
    hmacKey: challenge.key,
    innerKey: random.bytes(innerKeyBytes),
    obfuscation: random.bytes(hmacKeyBytes),
    credentialSeed: random.bytes(hmacKeyBytes),
    duplicateSeed: random.bytes(hmacKeyBytes),
    uri: blobUri,
  };
  const blob = activationBlob(input, readStorageKey);
  return blob.ok ? blob : failed(invalidBecause(blob.fault));
}
