/** A device proves itself by its certificate, whose key TLS has proven (dps-wire 5). */
import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/base/clock.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { readCertificate, type Certificate } from '../../lib/x509/certificate.ts';
import { validateChain } from '../../lib/x509/chain.ts';
import { heldCertificates, thumbprintOf } from './attestation-form.ts';
import { refused, type Attested, type DeviceClaim } from './claim.ts';
import type { ServiceFault } from './faults.ts';
import type { Store } from './ports.ts';
import { keyOf, type Enrollment } from './records.ts';

export interface CertificateProofParts {
  readonly store: Store;
  readonly clock: Clock;
}

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
export function attestByCertificate(
  parts: CertificateProofParts,
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
export async function attestByGroup(
  parts: CertificateProofParts,
  claim: DeviceClaim,
): Promise<Result<Attested, ServiceFault>> {
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
