/** Issues the certificate of one device from its checked request, by a profile. */
import type { Result } from '../base/result.ts';
import { issuingTerms } from './authority.ts';
import type { Issuer } from './authority.ts';
import { keyUsageExtension, signCertificate, validityFrom } from './certificate-writer.ts';
import type { X509Parts } from './certificate-writer.ts';
import type { CsrFacts } from './csr.ts';
import { BasicConstraintsExtension, ExtendedKeyUsageExtension } from './peculiar.ts';
import { extendedKeyUsages, keyUsages } from './profile.ts';
import type { CertificateProfile } from './profile.ts';
import type { CertificateDer } from './types.ts';

/**
 * A leaf that can prove who the device is, and issue nothing. Only subject and key come from the request: extensions a
 * request asks for are not followed. It carries no DNS name, since .NET devices would take that for their registration
 * id (dps-wire 5.1). It never outlives its issuer.
 */
export async function issueDeviceCertificate(
  csr: CsrFacts,
  profile: CertificateProfile,
  issuer: Issuer,
  parts: X509Parts,
): Promise<Result<CertificateDer>> {
  const nowMs = parts.clock.nowMs();
  const terms = issuingTerms(issuer, nowMs, validityFrom(nowMs, profile.validityDays));
  if (!terms.ok) return terms;
  const extensions = [
    new BasicConstraintsExtension(false, undefined, true),
    keyUsageExtension(profile.keyUsage.map((name) => keyUsages[name])),
    new ExtendedKeyUsageExtension(profile.extendedKeyUsage.map((name) => extendedKeyUsages[name])),
  ];
  return signCertificate(
    { subjectDer: csr.subjectDer, publicKey: csr.publicKey, extensions, ...terms.value },
    issuer.key,
    parts.random,
  );
}
