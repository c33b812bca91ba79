/** Certificate requests (PKCS#10, RFC 2986): made by a device, checked by whoever issues. */
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { nameOf } from './certificate-writer.ts';
import { bitStringBytes, der, derBitString, derUnsigned, membersOf, readSequence, tag } from './der.ts';
import { x509Fault } from './faults.ts';
import { Name } from './peculiar.ts';
import { publicKeyFacts } from './public-key.ts';
import type { PublicKeyFacts } from './public-key.ts';
import { algorithmOid, isStrongSignature, signatureAlgorithmIdentifier, signatureHolds } from './signature.ts';
import type { Signed } from './signature.ts';
import type { KeyAlgorithm, SigningKey } from './types.ts';

/** An RSA-4096 request is about 1.7 kB; more is not a request. */
const maxCsrBytes = 8_192;

export interface CsrFacts {
  readonly commonName: string;
  /** The subject as encoded: the certificate carries it unchanged. */
  readonly subjectDer: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** `P-256`, `RSA-2048`, ... */
  readonly keyKind: string;
}

export interface CsrExpectation {
  readonly expectedCommonName: string;
  /** When given, only these; otherwise any strong key (RSA of 2048 bits or more, P-256, P-384, P-521). */
  readonly allowedAlgorithms?: readonly KeyAlgorithm[];
}

export async function createCsr(commonName: string, key: SigningKey): Promise<Result<Uint8Array>> {
  const name = nameOf(commonName);
  if (!name.ok) return name;
  const attributes = der(tag.context0);
  const info = der(tag.sequence, derUnsigned(Uint8Array.of(0)), name.value, key.publicKey, attributes);
  const signature = await key.sign(info);
  if (!signature.ok) return signature;
  return ok(der(tag.sequence, info, signatureAlgorithmIdentifier(key.algorithm), derBitString(signature.value)));
}

/** The strength of key and hash first, then proof of possession, then the name. */
export function checkCsr(bytes: Uint8Array, expected: CsrExpectation): Result<CsrFacts> {
  const read = bytes.length > maxCsrBytes ? undefined : readCsr(bytes);
  const key = read === undefined ? undefined : publicKeyFacts(read.publicKey);
  if (read === undefined || key === undefined) return failed(x509Fault('csr-malformed'));
  if (!isStrongSignature(read.signed.algorithmOid)) {
    return failed(x509Fault('hash-refused', { algorithm: read.signed.algorithmOid }));
  }
  if (!isAllowed(key, expected.allowedAlgorithms)) return failed(x509Fault('csr-key-refused', { kind: key.kind }));
  if (!signatureHolds(read.signed, read.publicKey)) return failed(x509Fault('csr-signature-wrong'));
  const [commonName, ...others] = read.commonNames;
  if (commonName === undefined || others.length > 0) return failed(x509Fault('csr-name-missing'));
  // Exactly: a certificate carries the subject of the request, and devices compare its case.
  if (commonName !== expected.expectedCommonName) {
    return failed(x509Fault('csr-name-mismatch', { found: commonName, expected: expected.expectedCommonName }));
  }
  const { subjectDer, publicKey } = read;
  return ok({ commonName, subjectDer, publicKey, keyKind: key.kind });
}

function isAllowed(key: PublicKeyFacts, allowed: readonly KeyAlgorithm[] | undefined): boolean {
  if (!key.isStrong) return false;
  return allowed === undefined || (key.algorithm !== undefined && allowed.includes(key.algorithm));
}

interface ReadCsr {
  readonly subjectDer: Uint8Array;
  readonly commonNames: readonly string[];
  readonly publicKey: Uint8Array;
  readonly signed: Signed;
}

function readCsr(bytes: Uint8Array): ReadCsr | undefined {
  const [info, algorithm, signatureValue, ...rest] = readSequence(bytes) ?? [];
  const [version, subject, publicKey] = membersOf(info);
  const oid = algorithmOid(algorithm);
  const signature = bitStringBytes(signatureValue);
  if (info === undefined || subject === undefined || publicKey === undefined) return undefined;
  if (rest.length > 0 || version?.tag !== tag.integer) return undefined;
  const commonNames = commonNamesOf(subject.raw);
  if (oid === undefined || signature === undefined || commonNames === undefined) return undefined;
  return {
    subjectDer: subject.raw,
    commonNames,
    publicKey: publicKey.raw,
    signed: { signed: info.raw, algorithmOid: oid, signature },
  };
}

function commonNamesOf(subject: Uint8Array): readonly string[] | undefined {
  try {
    return new Name(Uint8Array.from(subject)).getField('CN');
  } catch {
    return undefined;
  }
}
