/** A key in a TPM as others seal to it: an EK takes the seed of a credential, an SRK that of a duplicate (Part 1, annex B.4). */
import { constants, createPublicKey, publicEncrypt } from 'node:crypto';
import { concatBytes, uint16, utf8 } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { alg } from './constants.ts';
import { tpmFailed } from './faults.ts';
import { sha256 } from './protection.ts';
import { decodeStorageKey } from './templates.ts';
import { sized } from './wire.ts';

export type SeedLabel = 'IDENTITY' | 'DUPLICATE';

export interface StorageKey {
  /** Its Name (Part 1, clause 16). */
  readonly name: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET of a seed. */
  readonly encryptSeed: (seed: Uint8Array) => Result<Uint8Array>;
}

/** From its TPM2B_PUBLIC, for seeds of one kind. */
export type StorageKeyReader = (tpm2bPublic: Uint8Array, label: SeedLabel) => Result<StorageKey>;

export const readStorageKey: StorageKeyReader = (tpm2bPublic, label) => {
  const area = decodeStorageKey(tpm2bPublic);
  if (!area.ok) return area;
  const { modulus } = area.value;
  // RSA-2048: all its bits are used, and its encoding has one length.
  if ((modulus[0] ?? 0) < 0x80) return unusable();
  const name = concatBytes(uint16(alg.sha256), sha256(tpm2bPublic.subarray(2)));
  // RSAES-OAEP with SHA-256; the label carries its terminating zero byte. The key object carries its own options: beside
  // it in an object of theirs, Node would find by two thrown exceptions that that one is no key, a third of the work.
  const options = {
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: 'sha256',
    oaepLabel: Buffer.from(utf8(`${label}\0`)),
  };
  try {
    const key = createPublicKey({ key: pkcs1Of(modulus), format: 'der', type: 'pkcs1' });
    return ok({ name, encryptSeed: sealer(Object.assign(key, options)) });
  } catch {
    return unusable();
  }
};

/** Remembers the last ones: one registration seals twice to the same two keys. */
export function createStorageKeyReader(maxKeys: number): StorageKeyReader {
  // In order of the first use: the first is the one to go.
  const known = new Map<string, Result<StorageKey>>();
  return (tpm2bPublic, label) => {
    const { buffer, byteOffset, byteLength } = tpm2bPublic;
    const id = label + Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
    const before = known.get(id);
    if (before !== undefined) return before;
    const read = readStorageKey(tpm2bPublic, label);
    // What is no key is not worth a place: nobody brings it twice with good reason.
    if (!read.ok) return read;
    const [oldest] = known.keys();
    if (known.size >= maxKeys && oldest !== undefined) known.delete(oldest);
    known.set(id, read);
    return read;
  };
}

function sealer(key: Parameters<typeof publicEncrypt>[0]) {
  return (seed: Uint8Array): Result<Uint8Array> => {
    try {
      return ok(sized(publicEncrypt(key, seed)));
    } catch {
      return unusable();
    }
  };
}

/** The host's crypto refuses numbers that are no RSA modulus; its own words add nothing. */
function unusable(): Result<never> {
  return tpmFailed('tpm-key-unusable');
}

/** RSAPublicKey (RFC 8017 A.1.1) of a modulus of 256 bytes with its highest bit set, and 65537. */
function pkcs1Of(modulus: Uint8Array): Buffer {
  return Buffer.concat([modulusHead, modulus, exponent]);
}

const modulusHead = Buffer.from('3082010a0282010100', 'hex');
const exponent = Buffer.from('0203010001', 'hex');
