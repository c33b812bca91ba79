/** A CA certificate with its key in custody. */
import { isoTime } from '../../lib/base/host.ts';
import { failed, ok } from '../../lib/base/result.ts';
import type { Result } from '../../lib/base/result.ts';
import { mayIssue } from '../../lib/x509/authority.ts';
import { isSelfIssued, readCertificate, sha256Thumbprint } from '../../lib/x509/certificate.ts';
import type { Certificate } from '../../lib/x509/certificate.ts';
import { isStrongSignature, signatureHolds } from '../../lib/x509/signature.ts';
import type { CertificateChain, CertificateDer, SigningKey } from '../../lib/x509/types.ts';
import { signerFault } from './faults.ts';

export interface Signer {
  /** The SHA-256 of the certificate: stable over restarts and re-exports of the file. */
  readonly id: string;
  readonly certificate: CertificateDer;
  /** The certificate, then its issuers as far as they were found. */
  readonly chain: CertificateChain;
  readonly commonName: string;
  readonly sha256: string;
  /** Signs; never shows itself. */
  readonly key: SigningKey;
  readonly notAfterMs: number;
}

// As lib/x509 has it for chains: real ones have two to four levels.
const maxChain = 10;

/** Judges certificate and key, and shuts them together. `others` may hold the issuers, in any order. */
export function signerOf(
  certificate: CertificateDer,
  key: SigningKey,
  others: readonly CertificateDer[],
  nowMs: number,
): Result<Signer> {
  const read = readCertificate(certificate);
  if (!read.ok) return failed(signerFault('signer-certificate-refused', { why: read.fault.say }));
  const judged = judge(read.value, nowMs);
  if (!judged.ok) return judged;
  if (Buffer.compare(read.value.publicKey, key.publicKey) !== 0) return failed(signerFault('signer-key-mismatch'));
  const sha256 = sha256Thumbprint(certificate);
  return ok(
    Object.freeze({
      id: sha256,
      certificate,
      chain: chainOf(read.value, others),
      commonName: read.value.commonNames[0] ?? read.value.subject,
      sha256,
      key,
      notAfterMs: read.value.notAfterMs,
    }),
  );
}

function judge(certificate: Certificate, nowMs: number): Result<void> {
  const name = certificate.subject;
  if (!mayIssue(certificate)) return failed(signerFault('signer-not-authority', { name }));
  if (nowMs >= certificate.notAfterMs) {
    return failed(signerFault('signer-expired', { name, at: isoTime(certificate.notAfterMs) }));
  }
  if (nowMs < certificate.notBeforeMs) {
    return failed(signerFault('signer-not-yet-valid', { name, at: isoTime(certificate.notBeforeMs) }));
  }
  if (!isSelfIssued(certificate) && !isStrongSignature(certificate.signed.algorithmOid)) {
    return failed(signerFault('signer-certificate-refused', { why: 'its signature is too weak.' }));
  }
  return ok();
}

function chainOf(first: Certificate, others: readonly CertificateDer[]): CertificateChain {
  const pool = others.map((other) => readCertificate(other)).flatMap((read) => (read.ok ? [read.value] : []));
  const chain = [first];
  for (let last = first; chain.length < maxChain && !isSelfIssued(last);) {
    const issuer = pool.find((one) => isIssuerOf(one, last) && !chain.includes(one));
    if (issuer === undefined) break;
    chain.push(issuer);
    last = issuer;
  }
  return chain.map((certificate) => certificate.der);
}

function isIssuerOf(issuer: Certificate, subject: Certificate): boolean {
  return Buffer.compare(issuer.subjectDer, subject.issuerDer) === 0 && signatureHolds(subject.signed, issuer.publicKey);
}
