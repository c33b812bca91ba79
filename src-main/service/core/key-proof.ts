/**
 * A device proves that it holds a symmetric key (dps-wire 1.7 and 6). Every wrong token costs the same work, whether its
 * id is enrolled, disabled or unknown: how long a refusal takes tells nothing.
 */
import { hash } from 'node:crypto';
import { fromBase64, toBase64, utf8 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { hmacSha256, isExpired, isSignedBy, sasSkewS, type SasToken } from '../../lib/dps/sas.ts';
import { deviceToken, refused, type Attested, type DeviceClaim, type DeviceKeys } from './claim.ts';
import type { ServiceFault } from './faults.ts';
import type { GroupKey, GroupKeys } from './group-keys.ts';
import type { Attestation, Enrollment } from './records.ts';

export interface KeyProofParts {
  readonly groupKeys: GroupKeys;
  readonly clock: Clock;
}

/** By its own key when it is enrolled by itself, by a group's otherwise. */
export async function attestByKey(
  parts: KeyProofParts,
  claim: DeviceClaim,
  individual: Enrollment | undefined,
): Promise<Result<Attested, ServiceFault>> {
  const token = deviceToken(claim.authorization ?? '', claim);
  if (!token.ok) return token;
  const own = byOwnKey(token.value, individual);
  const found = own === undefined ? await byGroupKey(parts, claim, token.value) : ok(own);
  if (!found.ok) return found;
  const proven = found.value;
  // A device that is enrolled by itself is not its group's, whatever key it has.
  if (proven === undefined || (individual !== undefined && own === undefined)) {
    return refused('Unauthorized', individual === undefined ? 'no-enrollment' : 'wrong-signature');
  }
  if (isExpired(token.value, { nowS: Math.floor(parts.clock.nowMs() / 1_000), skewS: sasSkewS })) {
    return refused('Unauthorized: the token has expired', 'token-expired');
  }
  return proven.enrollment.enabled ? ok(proven) : refused('The enrollment is disabled', 'enrollment-disabled');
}

type ByKey = Attested & { readonly is: 'symmetricKey' };

// Nobody's: an id that has no keys takes as long as one that has.
const decoys = [new Uint8Array(64), new Uint8Array(64)];

function byOwnKey(token: SasToken, enrollment: Enrollment | undefined): ByKey | undefined {
  const own = enrollment === undefined ? [] : keysOf(enrollment.attestation);
  const [key] = (own.length === 0 ? decoys : own).filter((one) => isSignedBy(token, one));
  if (key === undefined || enrollment?.attestation.type !== 'symmetricKey') return undefined;
  const { id, attestation } = enrollment;
  const { primaryKey, secondaryKey } = attestation;
  return { is: 'symmetricKey', enrollment, keys: { primaryKey, secondaryKey }, keyId: keyIdOf(key), signedId: id };
}

async function byGroupKey(
  parts: KeyProofParts,
  claim: DeviceClaim,
  token: SasToken,
): Promise<Result<ByKey | undefined, ServiceFault>> {
  const groups = await parts.groupKeys.all();
  if (!groups.ok) return groups;
  const spellings = spellingsOf(claim.registrationId).map((signedId) => ({ signedId, bytes: utf8(signedId) }));
  for (const group of groups.value) {
    for (const { signedId, bytes } of spellings) {
      const key = hmacSha256(group.key, bytes);
      if (isSignedBy(token, key)) {
        parts.groupKeys.used(group);
        return ok(byDerivedKey(group, signedId, key));
      }
    }
  }
  return ok(undefined);
}

function byDerivedKey({ enrollment }: GroupKey, signedId: string, key: Uint8Array): ByKey {
  const keys = deviceKeysOf(enrollment.attestation, signedId);
  return { is: 'symmetricKey', enrollment, keys, keyId: keyIdOf(key), signedId };
}

function deviceKeysOf(attestation: Attestation, signedId: string): DeviceKeys {
  const [primary, secondary] = keysOf(attestation).map((key) => toBase64(derivedKey(key, signedId)));
  if (primary === undefined || secondary === undefined) throw new Error('a group with keys has two');
  return { primaryKey: primary, secondaryKey: secondary };
}

/** dps-wire 6: as presented, then in lower case. */
function spellingsOf(registrationId: string): readonly string[] {
  const lower = registrationId.toLowerCase();
  return lower === registrationId ? [registrationId] : [registrationId, lower];
}

function derivedKey(groupKey: Uint8Array, registrationId: string): Uint8Array {
  return hmacSha256(groupKey, utf8(registrationId));
}

function keysOf(attestation: Attestation): readonly Uint8Array[] {
  if (attestation.type !== 'symmetricKey') return [];
  // They were read when they were enrolled.
  return [attestation.primaryKey, attestation.secondaryKey].map(fromBase64).filter((key) => key !== undefined);
}

function keyIdOf(key: Uint8Array): string {
  return hash('sha256', key);
}

/** A poll: signed by the very key that the registration was signed by; the enrollment still holds it. */
export function isSignedByKeyId(
  token: SasToken,
  enrollment: Enrollment,
  proof: { readonly keyId: string; readonly signedId: string },
): boolean {
  const isGroup = enrollment.kind === 'group';
  return keysOf(enrollment.attestation).some((own) => {
    const key = isGroup ? derivedKey(own, proof.signedId) : own;
    return keyIdOf(key) === proof.keyId && isSignedBy(token, key);
  });
}
