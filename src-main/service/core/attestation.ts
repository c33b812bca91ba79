/** A device proves who it is: by certificate (dps-wire 5), by TPM (dps-wire 4) or by a symmetric key (dps-wire 6). */
import type { Result } from '../../lib/base/result.ts';
import { attestByCertificate, attestByGroup, type CertificateProofParts } from './certificate-proof.ts';
import type { Attested, DeviceClaim } from './claim.ts';
import type { ServiceFault } from './faults.ts';
import { attestByKey, type KeyProofParts } from './key-proof.ts';
import { keyOf } from './records.ts';
import { attestByTpm, type TpmProofParts } from './tpm-proof.ts';

export type { DeviceClaim } from './claim.ts';

export type AttestationParts = CertificateProofParts & TpmProofParts & KeyProofParts;

/**
 * The individual enrollment first; without one, the groups. The first found wins, even when it is disabled. Without an
 * enrollment of its own, a device that brings a token is a group's by key, one that does not is a group's by certificate.
 */
export async function attest(parts: AttestationParts, claim: DeviceClaim): Promise<Result<Attested, ServiceFault>> {
  const individual = await parts.store.enrollment('individual', keyOf(claim.registrationId));
  if (!individual.ok) return individual;
  const enrollment = individual.value;
  const bringsToken = claim.authorization !== undefined;
  if (enrollment === undefined) {
    return bringsToken ? attestByKey(parts, claim, undefined) : attestByGroup(parts, claim);
  }
  const { attestation } = enrollment;
  if (attestation.type === 'symmetricKey') return attestByKey(parts, claim, enrollment);
  const attested =
    attestation.type === 'tpm'
      ? attestByTpm(parts, claim, { ...enrollment, attestation })
      : await attestByCertificate(parts, claim, enrollment);
  // Refused either way; it takes as long as for an id that nobody knows.
  if (!attested.ok && bringsToken) await attestByKey(parts, claim, enrollment);
  return attested;
}
