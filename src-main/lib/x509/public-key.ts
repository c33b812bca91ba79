/** What a SubjectPublicKeyInfo says of its key, and whether that key is strong enough here. */
import { createHash, hash } from 'node:crypto';
import { bitStringBytes, membersOf, readOid, readSequence, tag } from './der.ts';
import type { KeyAlgorithm } from './types.ts';

export interface PublicKeyFacts {
  /** `RSA-2048`, `P-256`, or the object identifier of what is not known here. */
  readonly kind: string;
  /** The name in our own list; absent for what is accepted from others but never made here (RSA-3071, P-521). */
  readonly algorithm: KeyAlgorithm | undefined;
  readonly isStrong: boolean;
  /** The content of subjectPublicKey: the same for a key whatever algorithm identifier stands before it. */
  readonly bits: Uint8Array;
}

const idEcPublicKey = '1.2.840.10045.2.1';
// rsaEncryption, RSAES-OAEP (TCG EK Credential Profile 3.2.11 allows it), RSASSA-PSS (RFC 4055).
const rsaOids = new Set(['1.2.840.113549.1.1.1', '1.2.840.113549.1.1.7', '1.2.840.113549.1.1.10']);
const curves = new Map<string, { readonly kind: string; readonly algorithm: KeyAlgorithm | undefined }>([
  ['1.2.840.10045.3.1.7', { kind: 'P-256', algorithm: 'p256' }],
  ['1.3.132.0.34', { kind: 'P-384', algorithm: 'p384' }],
  ['1.3.132.0.35', { kind: 'P-521', algorithm: undefined }],
]);
const rsaAlgorithms = new Map<number, KeyAlgorithm>([
  [2048, 'rsa2048'],
  [3072, 'rsa3072'],
  [4096, 'rsa4096'],
]);
// Above this one verification takes tens of milliseconds: a way to keep a server busy, and no device has such a key.
const maxRsaBits = 8_192;

/** Undefined when the bytes are no SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). */
export function publicKeyFacts(spki: Uint8Array): PublicKeyFacts | undefined {
  const [identifier, key] = readSequence(spki) ?? [];
  const bits = bitStringBytes(key);
  const [oidItem, parameters] = membersOf(identifier);
  const oid = readOid(oidItem);
  if (bits === undefined || oid === undefined) return undefined;
  if (rsaOids.has(oid)) return rsaFacts(bits);
  const name = oid === idEcPublicKey ? (readOid(parameters) ?? oid) : oid;
  const curve = curves.get(name);
  if (curve !== undefined) return { ...curve, isStrong: true, bits };
  return { kind: name, algorithm: undefined, isStrong: false, bits };
}

function rsaFacts(bits: Uint8Array): PublicKeyFacts | undefined {
  const [modulus, exponent] = readSequence(bits) ?? [];
  if (modulus?.tag !== tag.integer || exponent?.tag !== tag.integer) return undefined;
  const first = modulus.body.findIndex((byte) => byte !== 0);
  if (first < 0) return undefined;
  const leading = modulus.body[first] ?? 0;
  const size = (modulus.body.length - first) * 8 - (Math.clz32(leading) - 24);
  const isStrong = size >= 2048 && size <= maxRsaBits && exponentIsSound(exponent.body);
  return { kind: `RSA-${size}`, algorithm: rsaAlgorithms.get(size), isStrong, bits };
}

/** Odd and above 2: with an exponent of 1 anybody can sign (FIPS 186-5 wants 65537 or more; 3 is still seen). */
function exponentIsSound(body: Uint8Array): boolean {
  const last = body.at(-1) ?? 0;
  return (last & 1) === 1 && (last > 1 || body.slice(0, -1).some((byte) => byte !== 0));
}

/** SHA-256 over the SubjectPublicKeyInfo, lower-case hexadecimal: one key has one such name, whatever certifies it. */
export function publicKeyHash(spki: Uint8Array): string {
  return hash('sha256', spki);
}

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 over the key bits. A name, not a protection. */
export function subjectKeyIdentifier(spki: Uint8Array): Uint8Array {
  const bits = publicKeyFacts(spki)?.bits ?? spki;
  return new Uint8Array(createHash('sha1').update(bits).digest());
}
