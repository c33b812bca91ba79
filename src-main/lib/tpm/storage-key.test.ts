import { describe, expect, it } from 'vitest';
import { constants, createPrivateKey, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { must } from '../base/result.ts';
import { objectName } from './public-area.ts';
import { createStorageKeyReader, readStorageKey, type SeedLabel } from './storage-key.ts';
import { ekPublic, srkPublic } from './templates.ts';

const pair = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const modulus = Buffer.from(pair.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url');
const key = createPrivateKey(pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
const seed = new Uint8Array(32).fill(7);

function opened(encryptedSecret: Uint8Array, label: SeedLabel): Uint8Array {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const oaepLabel = Buffer.from(`${label}\0`);
  return Uint8Array.from(privateDecrypt({ key, padding, oaepHash: 'sha256', oaepLabel }, encryptedSecret.subarray(2)));
}

describe('readStorageKey', () => {
  it.each(['IDENTITY', 'DUPLICATE'] as const)('seals a seed for %s alone', (label) => {
    const sealed = must(must(readStorageKey(ekPublic(modulus), label)).encryptSeed(seed));
    expect(opened(sealed, label)).toEqual(seed);
    expect(() => opened(sealed, label === 'IDENTITY' ? 'DUPLICATE' : 'IDENTITY')).toThrow(/oaep/i);
  });

  it('has the Name of the key', () => {
    const srk = srkPublic(modulus);
    expect(must(readStorageKey(srk, 'DUPLICATE')).name).toEqual(must(objectName(srk)));
  });

  it.each([
    ['zeros', 0],
    ['fewer bits than it says', 0x7f],
  ])('refuses a modulus of %s', (_what, first) => {
    const short = Uint8Array.from(modulus);
    short[0] = first;
    expect(readStorageKey(ekPublic(short), 'IDENTITY')).toMatchObject({ fault: { code: 'tpm-key-unusable' } });
  });

  it('tells of numbers that are no RSA modulus when it is to seal, and does not throw', () => {
    const even = Uint8Array.from(modulus);
    even[255] = 2;
    const read = readStorageKey(ekPublic(even), 'IDENTITY');
    const sealed = read.ok ? read.value.encryptSeed(seed) : read;
    expect(sealed).toMatchObject({ fault: { code: 'tpm-key-unusable' } });
  });
});

describe('createStorageKeyReader', () => {
  it('remembers a key for what it is used for, and no more of them than it may', () => {
    const read = createStorageKeyReader(2);
    const first = must(read(ekPublic(modulus), 'IDENTITY'));
    const other = must(read(ekPublic(modulus), 'DUPLICATE'));
    expect(must(read(ekPublic(modulus), 'IDENTITY'))).toBe(first);
    expect(opened(must(other.encryptSeed(seed)), 'DUPLICATE')).toEqual(seed);
    must(read(srkPublic(modulus), 'IDENTITY'));
    expect(must(read(ekPublic(modulus), 'IDENTITY'))).not.toBe(first);
  });

  it('remembers nothing that is no key', () => {
    const read = createStorageKeyReader(1);
    const first = must(read(ekPublic(modulus), 'IDENTITY'));
    expect(read(ekPublic(), 'IDENTITY').ok).toBe(false);
    expect(must(read(ekPublic(modulus), 'IDENTITY'))).toBe(first);
  });
});
