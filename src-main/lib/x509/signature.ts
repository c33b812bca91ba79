/** Signature algorithms of certificates and requests: which are strong enough, and whether a signature holds. */
import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { der, derOid, membersOf, readOid, tag } from './der.ts';
import type { Der } from './der.ts';
import type { KeyAlgorithm } from './types.ts';

// MD5, SHA-1 and RSASSA-PSS are left out: the first two are broken, the last is not used by any device seen so far.
const hashes = new Map([
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
]);

/** AlgorithmIdentifier for a signature by this key: RSA has NULL parameters, ECDSA none (RFC 4055, RFC 5758). */
export function signatureAlgorithmIdentifier(algorithm: KeyAlgorithm): Uint8Array {
  switch (algorithm) {
    case 'p256':
      return der(tag.sequence, derOid('1.2.840.10045.4.3.2'));
    case 'p384':
      return der(tag.sequence, derOid('1.2.840.10045.4.3.3'));
    default:
      return der(tag.sequence, derOid('1.2.840.113549.1.1.11'), Uint8Array.of(0x05, 0x00));
  }
}

export interface Signed {
  /** The bytes that were signed, as received. */
  readonly signed: Uint8Array;
  readonly algorithmOid: string;
  readonly signature: Uint8Array;
}

/** The object identifier of an AlgorithmIdentifier. */
export function algorithmOid(identifier: Der | undefined): string | undefined {
  return readOid(membersOf(identifier)[0]);
}

export function isStrongSignature(oid: string): boolean {
  return hashes.has(oid);
}

/** For `signatureHolds`, by whoever has one key check many. Throws on what is no key. */
export function verifyKeyOf(spki: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
}

/** False for a wrong signature, an algorithm not known here, or a key that does not fit it. */
export function signatureHolds(item: Signed, spki: Uint8Array, readKey = () => verifyKeyOf(spki)): boolean {
  const hash = hashes.get(item.algorithmOid);
  if (hash === undefined) return false;
  try {
    const key = readKey();
    const wanted = item.algorithmOid.startsWith('1.2.840.10045.') ? 'ec' : 'rsa';
    return key.asymmetricKeyType === wanted && verify(hash, item.signed, key, item.signature);
  } catch {
    return false;
  }
}
