/** What other rooms may know of certificates without knowing how they are made or read. */
import type { Result } from '../base/result.ts';

/** DER of one certificate (RFC 5280 section 4.1). */
export type CertificateDer = Uint8Array;

/** Leaf first, then each issuer in turn; the root may be left out. */
export type CertificateChain = readonly CertificateDer[];

export const keyAlgorithms = ['p256', 'p384', 'rsa2048', 'rsa3072', 'rsa4096'] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

/** A private key in custody: it signs, and never shows itself. */
export interface SigningKey {
  readonly algorithm: KeyAlgorithm;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** SHA-256 (P-384: SHA-384) with ECDSA in DER form (RFC 3279), or with RSASSA-PKCS1-v1_5. */
  sign(message: Uint8Array): Promise<Result<Uint8Array>>;
}

/** DPS `X509CertificateInfo`: all members as strings but `version`; thumbprints in upper-case hexadecimal. */
export interface CertificateInfo {
  readonly subjectName: string;
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly issuerName: string;
  readonly notBeforeUtc: string;
  readonly notAfterUtc: string;
  readonly serialNumber: string;
  readonly version: number;
}
