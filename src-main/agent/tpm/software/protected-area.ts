/** Opening and closing of protected structures (Part 1, clauses 23 and 24; Part 3, annex on secret sharing). */
import { constants, privateDecrypt, timingSafeEqual } from 'node:crypto';
import { ByteReader, concatBytes } from '../../../lib/base/bytes.ts';
import { decryptCfb, encryptCfb, hmacSha256, kdfa } from '../../../lib/tpm/protection.ts';
import { readSized, sized } from '../../../lib/tpm/wire.ts';
import { privateKeyOf, type StorageKey } from './object.ts';

/** The seed that was encrypted to a storage key; undefined when it was for another key or another use. */
export function openSeed(
  key: StorageKey,
  label: 'IDENTITY' | 'DUPLICATE',
  encrypted: Uint8Array,
): Uint8Array | undefined {
  try {
    const seed = privateDecrypt(
      {
        key: privateKeyOf(key),
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: 'sha256',
        oaepLabel: Buffer.from(`${label}\0`),
      },
      encrypted,
    );
    return seed.length > 0 && seed.length <= 32 ? Uint8Array.from(seed) : undefined;
  } catch {
    // The host's crypto throws on any wrong padding; why does not matter, and must not be told.
    return undefined;
  }
}

/** integrity HMAC, then what it protects, both bound to a Name. Undefined when anything was changed. */
export function openProtected(seed: Uint8Array, name: Uint8Array, area: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(area);
  const integrity = readSized(reader);
  const encrypted = reader.take(reader.remaining);
  if (integrity === undefined || encrypted === undefined) return undefined;
  const want = hmacSha256(kdfa({ key: seed, label: 'INTEGRITY', bits: 256 }), encrypted, name);
  if (integrity.length !== want.length || !timingSafeEqual(integrity, want)) return undefined;
  return decryptCfb(storageKeyFor(seed, name), encrypted);
}

export function closeProtected(seed: Uint8Array, name: Uint8Array, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const encrypted = encryptCfb(storageKeyFor(seed, name), plain);
  const integrity = hmacSha256(kdfa({ key: seed, label: 'INTEGRITY', bits: 256 }), encrypted, name);
  return concatBytes(sized(integrity), encrypted);
}

function storageKeyFor(seed: Uint8Array, name: Uint8Array): Uint8Array {
  return kdfa({ key: seed, label: 'STORAGE', contextU: name, bits: 128 });
}
