/** A device proves itself by its certificate, whose key TLS has proven (dps-wire 5). */
import { hash } from 'node:crypto';
import type { Clock } from '../../lib/base/clock.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import type { CertificateReader } from '../../lib/x509/certificate-reader.ts';
import type { Certificate } from '../../lib/x509/certificate.ts';
import { validateChain } from '../../lib/x509/chain.ts';
import { heldCertificates, thumbprintOf, weaknessOf } from './attestation-form.ts';
import { refused, type Attested, type DeviceClaim } from './claim.ts';
import type { ServiceFault } from './faults.ts';
import type { Store } from './ports.ts';
import { keyOf, type Attestation, type Enrollment } from './records.ts';

export interface CertificateProofParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly readCertificate: CertificateReader;
}

/** dps-wire 5.1: the registration id is the leaf's common name. */
function leafOf(parts: CertificateProofParts, claim: DeviceClaim): Result<Certificate, ServiceFault> {
  const [der] = claim.certificates;
  if (der === undefined) return refused('Unauthorized', 'no-proof');
  const leaf = parts.readCertificate(der);
  if (!leaf.ok) return refused('Invalid certificate', 'certificate-unreadable');
  const [name, ...more] = leaf.value.commonNames;
  if (name === undefined || more.length > 0 || keyOf(name) !== keyOf(claim.registrationId)) {
    return refused('Invalid certificate: its common name is not the registration id', 'other-common-name');
  }
  return ok(leaf.value);
}

/** dps-wire 5.2: exactly a certificate that the enrollment holds, or one below a CA certificate that it names. */
export async function attestByCertificate(
  parts: CertificateProofParts,
  claim: DeviceClaim,
  enrollment: Enrollment,
): Promise<Result<Attested, ServiceFault>> {
  const leaf = leafOf(parts, claim);
  if (!leaf.ok) return leaf;
  const held =
    enrollment.attestation.type === 'caReferences'
      ? await isBelowReference(parts, { claim, leaf: leaf.value }, enrollment.attestation)
      : isHeld(parts, leaf.value, enrollment.attestation);
  if (!held.ok) return held;
  if (!enrollment.enabled) return refused('The enrollment is disabled', 'enrollment-disabled');
  return ok({ is: 'x509', enrollment, thumbprint: thumbprintOf(leaf.value.der) });
}

/** Self-signed or not, while it is valid. */
function isHeld(parts: CertificateProofParts, leaf: Certificate, attestation: Attestation): Result<void, ServiceFault> {
  const thumbprint = thumbprintOf(leaf.der);
  const held = heldCertificates(attestation);
  if (!held.some((one) => one.thumbprint === thumbprint)) return refused('Invalid certificate', 'other-certificate');
  const nowMs = parts.clock.nowMs();
  if (nowMs < leaf.notBeforeMs || nowMs > leaf.notAfterMs) {
    return refused('Invalid certificate: not valid now', 'certificate-out-of-date');
  }
  return weaknessOf(leaf) === undefined ? ok() : refused('Invalid certificate: it is weak', 'certificate-weak');
}

interface Presented {
  readonly claim: DeviceClaim;
  readonly leaf: Certificate;
}

async function isBelowReference(
  parts: CertificateProofParts,
  presented: Presented,
  attestation: Attestation,
): Promise<Result<void, ServiceFault>> {
  const anchors = await anchorsOf(parts.store, attestation);
  if (!anchors.ok) return anchors;
  const anchor = reachedAnchor(parts, presented, anchors.value);
  return anchor.ok ? ok() : anchor;
}

/** dps-wire 5.3: of the groups that the chain reaches, the one nearest to the leaf; the first by its id if two hold it. */
export async function attestByGroup(
  parts: CertificateProofParts,
  claim: DeviceClaim,
): Promise<Result<Attested, ServiceFault>> {
  const leaf = leafOf(parts, claim);
  if (!leaf.ok) return leaf;
  const groups = await parts.store.groupsBySubject(namesAbove(parts, leaf.value, claim));
  if (!groups.ok) return groups;
  if (groups.value.length === 0) return refused('Invalid certificate (no enrollment)', 'no-enrollment');
  const groupOf = new Map<string, Enrollment>();
  const anchors: Uint8Array[] = [];
  for (const group of groups.value) {
    const own = await anchorsOf(parts.store, group.attestation);
    if (!own.ok) return own;
    for (const anchor of own.value) {
      const thumbprint = thumbprintOf(anchor);
      if (groupOf.has(thumbprint)) continue;
      groupOf.set(thumbprint, group);
      anchors.push(anchor);
    }
  }
  const reached = reachedAnchor(parts, { claim, leaf: leaf.value }, anchors);
  if (!reached.ok) return reached;
  const enrollment = groupOf.get(thumbprintOf(reached.value));
  if (enrollment === undefined) throw new Error('an anchor is of a group');
  if (!enrollment.enabled) return refused('The enrollment is disabled', 'enrollment-disabled');
  return ok({ is: 'x509', enrollment, thumbprint: thumbprintOf(leaf.value.der) });
}

/** The hashed subjects of what may have issued the leaf, or what is above it. */
function namesAbove(parts: CertificateProofParts, leaf: Certificate, claim: DeviceClaim): readonly string[] {
  const subjects = [leaf.issuerDer];
  for (const der of claim.certificates.slice(1)) {
    const read = parts.readCertificate(der);
    if (read.ok) subjects.push(read.value.issuerDer, read.value.subjectDer);
  }
  return [...new Set(subjects.map(subjectHash))];
}

/** How the store finds groups by the name of a certificate. */
export function subjectHash(nameDer: Uint8Array): string {
  return hash('sha256', nameDer);
}

/**
 * One search for all anchors at once: its signature checks are bounded together, whatever a stranger presents, and it
 * stops at the first anchor on its way up.
 */
function reachedAnchor(
  parts: CertificateProofParts,
  { claim, leaf }: Presented,
  anchors: readonly Uint8Array[],
): Result<Uint8Array, ServiceFault> {
  const presented = claim.certificates.slice(1);
  const { clock, readCertificate: read } = parts;
  const chain = validateChain({ leaf: leaf.der, presented, anchors, nowMs: clock.nowMs(), read });
  const anchor = chain.ok ? chain.value.path.at(-1) : undefined;
  if (anchor !== undefined) return ok(anchor);
  if (chain.ok) throw new Error('a path has an end');
  const { code } = chain.fault;
  return refused(`Invalid certificate (${code})`, `chain: ${code}`);
}

/** What an enrollment holds inline, or the CA certificates that it names. */
async function anchorsOf(store: Store, attestation: Attestation): Promise<Result<readonly Uint8Array[], ServiceFault>> {
  if (attestation.type !== 'caReferences') return ok(heldCertificates(attestation).map((held) => held.der));
  const named = [attestation.primary, attestation.secondary].filter((name) => name !== undefined).map(keyOf);
  const known = await store.caCertificates();
  if (!known.ok) return known;
  return ok(known.value.filter((ca) => ca.isVerified && named.includes(ca.key)).map((ca) => ca.der));
}
