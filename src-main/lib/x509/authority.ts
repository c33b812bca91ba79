/** Certificate authorities of our own, and the TLS certificates of services and hubs. */
import { toHex } from '../base/bytes.ts';
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { keyUsageExtension, nameOf, signCertificate, validityFrom } from './certificate-writer.ts';
import type { Validity, X509Parts } from './certificate-writer.ts';
import { x509Fault } from './faults.ts';
import { generateKey } from './keys.ts';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  SubjectAlternativeNameExtension,
} from './peculiar.ts';
import type { Extension } from './peculiar.ts';
import { subjectKeyIdentifier } from './public-key.ts';
import type { CertificateChain, CertificateDer, KeyAlgorithm, SigningKey } from './types.ts';

/** Who issues: a CA certificate with its key in custody. */
export interface Issuer {
  readonly certificate: CertificateDer;
  readonly key: SigningKey;
}

/** A certificate just made, with the key that was made for it. */
export interface Credential {
  readonly certificate: CertificateDer;
  /** Itself, then its issuer if it has one. */
  readonly chain: CertificateChain;
  readonly key: SigningKey;
  /** PKCS#8 DER: to be kept by the caller under its own custody, never logged. */
  readonly privateKey: Uint8Array;
}

export interface AuthorityRequest {
  readonly commonName: string;
  readonly algorithm: KeyAlgorithm;
  readonly validityDays: number;
  /** How many authorities may follow below this one. */
  readonly pathLength: number;
  /** Absent for a root. */
  readonly issuer?: Issuer;
}

export interface ServerRequest {
  readonly commonName: string;
  readonly algorithm: KeyAlgorithm;
  readonly validityDays: number;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** A root, or an intermediate when an issuer is given. */
export async function createAuthority(request: AuthorityRequest, parts: X509Parts): Promise<Result<Credential>> {
  const extensions = [
    new BasicConstraintsExtension(true, request.pathLength, true),
    keyUsageExtension([KeyUsageFlags.keyCertSign, KeyUsageFlags.cRLSign]),
  ];
  if (request.issuer !== undefined) {
    const read = readCertificate(request.issuer.certificate);
    if (!read.ok) return read;
    const allowed = read.value.pathLength ?? Number.POSITIVE_INFINITY;
    if (allowed <= request.pathLength) {
      return failed(x509Fault('issuer-path-length', { name: read.value.subject }));
    }
  }
  return makeCredential({ ...request, extensions }, request.issuer, parts);
}

/** For TLS listeners: server authentication only, by every name and address given. */
export async function createServerCertificate(
  request: ServerRequest,
  issuer: Issuer,
  parts: X509Parts,
): Promise<Result<Credential>> {
  const names = [
    ...request.dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...request.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  // TLS 1.2 with RSA key transport, which old device stacks still ask for.
  const rsaOnly = request.algorithm.startsWith('rsa') ? [KeyUsageFlags.keyEncipherment] : [];
  const extensions = [
    new BasicConstraintsExtension(false, undefined, true),
    keyUsageExtension([KeyUsageFlags.digitalSignature, ...rsaOnly]),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension(names),
  ];
  return makeCredential({ ...request, extensions }, issuer, parts);
}

interface CredentialPlan {
  readonly commonName: string;
  readonly algorithm: KeyAlgorithm;
  readonly validityDays: number;
  readonly extensions: readonly Extension[];
}

async function makeCredential(
  plan: CredentialPlan,
  issuer: Issuer | undefined,
  parts: X509Parts,
): Promise<Result<Credential>> {
  const subject = nameOf(plan.commonName);
  if (!subject.ok) return subject;
  const wanted = validityFrom(parts.clock.nowMs(), plan.validityDays);
  const terms = issuer === undefined ? undefined : issuingTerms(issuer, parts.clock.nowMs(), wanted);
  if (terms?.ok === false) return terms;
  const pair = await generateKey(plan.algorithm);
  const signer = issuer?.key ?? pair.key;
  const certificate = await signCertificate(
    {
      subjectDer: subject.value,
      publicKey: pair.key.publicKey,
      extensions: plan.extensions,
      ...(terms?.value ?? { issuerDer: subject.value, validity: wanted }),
    },
    signer,
    parts.random,
  );
  if (!certificate.ok) return certificate;
  const chain = issuer === undefined ? [certificate.value] : [certificate.value, issuer.certificate];
  return ok({ certificate: certificate.value, chain, key: pair.key, privateKey: pair.privateKey });
}

export interface IssuingTerms {
  readonly issuerDer: Uint8Array;
  readonly authorityKeyId: string;
  readonly validity: Validity;
}

/** Checks that the issuer may issue now, and gives what its certificates carry; none of them outlives it. */
export function issuingTerms(issuer: Issuer, nowMs: number, wanted: Validity): Result<IssuingTerms> {
  const read = readCertificate(issuer.certificate);
  if (!read.ok) return read;
  const certificate = read.value;
  const name = certificate.subject;
  if (!mayIssue(certificate)) return failed(x509Fault('issuer-not-authority', { name }));
  if (nowMs < certificate.notBeforeMs || nowMs >= certificate.notAfterMs) {
    return failed(x509Fault('issuer-out-of-date', { name }));
  }
  if (Buffer.compare(certificate.publicKey, issuer.key.publicKey) !== 0) {
    return failed(x509Fault('issuer-key-mismatch', { name }));
  }
  return ok({
    issuerDer: certificate.subjectDer,
    authorityKeyId: certificate.subjectKeyId ?? toHex(subjectKeyIdentifier(certificate.publicKey)),
    validity: {
      notBeforeMs: Math.max(wanted.notBeforeMs, certificate.notBeforeMs),
      notAfterMs: Math.min(wanted.notAfterMs, certificate.notAfterMs),
    },
  });
}

/** basicConstraints says CA, and keyUsage, where there is one, says keyCertSign (RFC 5280 section 4.2.1.3). */
export function mayIssue(certificate: Certificate): boolean {
  return certificate.isAuthority && hasKeyUsage(certificate, KeyUsageFlags.keyCertSign);
}

export function hasKeyUsage(certificate: Certificate, flag: KeyUsageFlags): boolean {
  return certificate.keyUsage === undefined || (certificate.keyUsage & flag) !== 0;
}
