/** A device proves who it is: by certificate (dps-wire 5) or by TPM (dps-wire 4). */
import { createHash } from 'node:crypto';
import { equalBytes, fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import type { DeviceRegistration } from '../../lib/dps/wire.ts';
import { parseSasToken, sasSkewS, verifySasToken, type SasToken } from '../../lib/dps/sas.ts';
import { activationBlob } from '../../lib/tpm/credential.ts';
import { readCertificate, type Certificate } from '../../lib/x509/certificate.ts';
import { validateChain } from '../../lib/x509/chain.ts';
import { heldCertificates, thumbprintOf } from './enrollment-form.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import type { Store } from './ports.ts';
import { keyOf, type Attestation, type Enrollment } from './records.ts';
import type { TpmChallenge, TpmChallenges } from './tpm-challenges.ts';

/** What a device brings, whichever wire it came by. */
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

export type Attested =
  | { readonly is: 'x509'; readonly enrollment: Enrollment; readonly thumbprint: string }
  | { readonly is: 'tpm'; readonly enrollment: Enrollment; readonly challenge: TpmChallenge }
  /** Not yet: the TPM has to open this first (rule 10). */
  | { readonly is: 'challenge'; readonly authenticationKey: string };

export interface AttestationParts {
  readonly store: Store;
  readonly challenges: TpmChallenges;
  readonly clock: Clock;
  readonly random: Random;
}

/** The individual enrollment first; without one, the groups. The first found wins, even when it is disabled. */
export async function attest(parts: AttestationParts, claim: DeviceClaim): Promise<Result<Attested, ServiceFault>> {
  const individual = await parts.store.enrollment('individual', keyOf(claim.registrationId));
  if (!individual.ok) return individual;
  const enrollment = individual.value;
  if (enrollment === undefined) return attestByGroup(parts, claim);
  if (!enrollment.enabled) return refused('The enrollment is disabled');
  const { attestation } = enrollment;
  return attestation.type === 'tpm'
    ? attestByTpm(parts, claim, { ...enrollment, attestation })
    : attestByCertificate(parts, claim, enrollment);
}

function refused(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('unauthorized', { reason }));
}

// ---- certificates

/** dps-wire 5.1: the registration id is the leaf's common name. */
function leafOf(claim: DeviceClaim): Result<Certificate, ServiceFault> {
  const [der] = claim.certificates;
  if (der === undefined) return refused('Unauthorized');
  const leaf = readCertificate(der);
  if (!leaf.ok) return refused('Invalid certificate');
  const [name, ...more] = leaf.value.commonNames;
  if (name === undefined || more.length > 0 || keyOf(name) !== keyOf(claim.registrationId)) {
    return refused('Invalid certificate: its common name is not the registration id');
  }
  return ok(leaf.value);
}

/** dps-wire 5.2: exactly this certificate, self-signed or not, while it is valid. */
function attestByCertificate(
  parts: AttestationParts,
  claim: DeviceClaim,
  enrollment: Enrollment,
): Result<Attested, ServiceFault> {
  const leaf = leafOf(claim);
  if (!leaf.ok) return leaf;
  const thumbprint = thumbprintOf(leaf.value.der);
  const held = heldCertificates(enrollment.attestation);
  if (!held.some((one) => one.thumbprint === thumbprint)) return refused('Invalid certificate');
  const nowMs = parts.clock.nowMs();
  if (nowMs < leaf.value.notBeforeMs || nowMs > leaf.value.notAfterMs)
    return refused('Invalid certificate: not valid now');
  return ok({ is: 'x509', enrollment, thumbprint });
}

/** dps-wire 5.3: of the groups that the chain reaches, the one nearest to the leaf. */
async function attestByGroup(parts: AttestationParts, claim: DeviceClaim): Promise<Result<Attested, ServiceFault>> {
  const leaf = leafOf(claim);
  if (!leaf.ok) return leaf;
  const presented = claim.certificates.slice(1);
  const subjects = [leaf.value.issuerDer];
  for (const der of presented) {
    const read = readCertificate(der);
    if (read.ok) subjects.push(read.value.issuerDer, read.value.subjectDer);
  }
  const groups = await parts.store.groupsBySubject([...new Set(subjects.map(subjectHash))]);
  if (!groups.ok) return groups;
  let nearest: { readonly enrollment: Enrollment; readonly depth: number } | undefined;
  let why = 'no enrollment';
  for (const enrollment of groups.value) {
    for (const anchor of heldCertificates(enrollment.attestation)) {
      const question = { leaf: leaf.value.der, presented, anchors: [anchor.der], nowMs: parts.clock.nowMs() };
      const chain = validateChain(question);
      if (!chain.ok) why = chain.fault.code;
      else if (nearest === undefined || chain.value.path.length < nearest.depth) {
        nearest = { enrollment, depth: chain.value.path.length };
      }
    }
  }
  if (nearest === undefined) return refused(`Invalid certificate (${why})`);
  if (!nearest.enrollment.enabled) return refused('The enrollment is disabled');
  return ok({ is: 'x509', enrollment: nearest.enrollment, thumbprint: thumbprintOf(leaf.value.der) });
}

/** How the store finds groups by the name of a certificate. */
export function subjectHash(nameDer: Uint8Array): string {
  return createHash('sha256').update(nameDer).digest('hex');
}

// ---- TPM

type TpmEnrollment = Enrollment & { readonly attestation: Attestation & { readonly type: 'tpm' } };

function attestByTpm(
  parts: AttestationParts,
  claim: DeviceClaim,
  enrollment: TpmEnrollment,
): Result<Attested, ServiceFault> {
  const sent = claim.body.tpm?.endorsementKey;
  // dps-wire 4.3: the EK is compared; the SRK is taken as it comes, so that a cleared TPM can come back.
  if (sent !== undefined && sent !== enrollment.attestation.endorsementKey) return refused('Unauthorized');
  // A challenge made for a key that the enrollment no longer holds is worth nothing.
  const enrolled = fromBase64(enrollment.attestation.endorsementKey) ?? new Uint8Array();
  const outstanding = parts.challenges.of(enrollment.key).filter((one) => equalBytes(one.endorsementKey, enrolled));
  if (claim.authorization === undefined) return challenge(parts, claim, enrollment);
  const token = deviceToken(claim.authorization, claim);
  if (!token.ok) return token;
  const nowS = Math.floor(parts.clock.nowMs() / 1_000);
  const answered = outstanding.find(
    (one) => verifySasToken(token.value, { keys: [one.key], nowS, skewS: sasSkewS }).ok,
  );
  if (answered !== undefined) return ok({ is: 'tpm', enrollment, challenge: answered });
  // Our own restart has lost the challenge: the device is asked again rather than turned away.
  return outstanding.length === 0 && sent !== undefined ? challenge(parts, claim, enrollment) : refused('Unauthorized');
}

function challenge(
  parts: AttestationParts,
  claim: DeviceClaim,
  enrollment: TpmEnrollment,
): Result<Attested, ServiceFault> {
  const endorsementKey = fromBase64(claim.body.tpm?.endorsementKey ?? '');
  const srkText = claim.body.tpm?.storageRootKey ?? enrollment.attestation.storageRootKey;
  const storageRootKey = fromBase64(srkText ?? '');
  if (endorsementKey === undefined || endorsementKey.length === 0) return refused('Unauthorized');
  if (storageRootKey === undefined || storageRootKey.length === 0) {
    return failed(serviceFault('invalid', { reason: 'The storage root key is missing.' }));
  }
  const key = parts.random.bytes(hmacKeyBytes);
  const blob = sealedKey(parts.random, { endorsementKey, storageRootKey, key });
  if (!blob.ok) return blob;
  parts.challenges.add(enrollment.key, { key, endorsementKey, storageRootKey });
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

/** dps-wire 1.7: for this scope and this device, `skn` registration, empty or absent. */
export function deviceToken(
  authorization: string,
  claim: Pick<DeviceClaim, 'idScope' | 'registrationId'>,
): Result<SasToken, ServiceFault> {
  const token = parseSasToken(authorization);
  if (!token.ok) return refused('Unauthorized');
  const { resource, keyName } = token.value;
  const expected = `${claim.idScope}/registrations/${claim.registrationId}`;
  const isOurs = keyOf(resource) === keyOf(expected) && (keyName === '' || keyName === 'registration');
  return isOurs ? token : refused('Unauthorized');
}
