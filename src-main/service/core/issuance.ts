/** The operational certificate that a device asks for with its registration (dps-wire 1.3 `csr`). */
import { fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { checkCsr } from '../../lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../lib/x509/device-certificate.ts';
import { keyAlgorithms } from '../../lib/x509/types.ts';
import { thumbprintOf } from './attestation-form.ts';
import type { DeviceClaim } from './claim.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import type { Enrollment } from './records.ts';
import type { SignerVault } from './signer-vault.ts';

export interface IssuanceParts {
  readonly signers: SignerVault;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Issued {
  /** Base64 of DER, leaf first. */
  readonly chain: readonly string[];
  readonly thumbprint: string;
}

// dps-wire 1.3: before it, `csr` is a member that nobody knows.
const firstVersion = '2025-07-01';

/** What the device asks for; undefined when it asks for nothing. */
export function requestIn({ body, apiVersion }: DeviceClaim): string | undefined {
  const isKnown = apiVersion !== undefined && apiVersion.slice(0, firstVersion.length) >= firstVersion;
  return isKnown && typeof body.csr === 'string' && body.csr !== '' ? body.csr : undefined;
}

/** Issued before the operation is kept and kept with it: a repeated poll tells the same. */
export async function issueFor(
  parts: IssuanceParts,
  claim: DeviceClaim,
  enrollment: Enrollment,
): Promise<Result<Issued | undefined, ServiceFault>> {
  const request = requestIn(claim);
  if (request === undefined) return ok(undefined);
  const signer = parts.signers.of(enrollment);
  if (signer === undefined) {
    return failed(
      serviceFault('invalid', { reason: 'No signer is set for the enrollment: no certificate is issued.' }),
    );
  }
  const der = fromBase64(request);
  if (der === undefined) return failed(serviceFault('invalid', { reason: 'The csr is not base64 of DER.' }));
  const facts = checkCsr(der, { expectedCommonName: claim.registrationId });
  if (!facts.ok) return failed(invalidBecause(facts.fault));
  const [certificate] = signer.chain;
  if (certificate === undefined) throw new Error('a signer has a certificate');
  const profile = { ...operational, validityDays: signer.validityDays };
  const issuer = { certificate, key: signer.signingKey };
  const leaf = await issueDeviceCertificate(facts.value, profile, issuer, parts);
  // A signer that has expired meanwhile: the device cannot help it.
  if (!leaf.ok) return failed(serviceFault('signer-unusable', { reason: leaf.fault.say, cause: leaf.fault.code }));
  return ok({ chain: [leaf.value, ...signer.chain].map(toBase64), thumbprint: thumbprintOf(leaf.value) });
}

const operational = {
  name: 'operational',
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['clientAuth'],
  allowedAlgorithms: keyAlgorithms,
} as const;
