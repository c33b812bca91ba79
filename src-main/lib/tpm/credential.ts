/**
 * What a service sends to a TPM so that only that TPM can use it: a protected credential (Part 1, clause 24), a key
 * duplicated to its storage key (Part 1, clause 23.3), and DPS's activation blob of both (dps-wire sections 4.4, 4.5).
 */
import { ByteReader, concatBytes, uint16, utf8 } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { alg } from './constants.ts';
import { tpmFailed } from './faults.ts';
import { encryptCfb, hmacSha256, kdfa, sha256 } from './protection.ts';
import { encodePublic, objectName } from './public-area.ts';
import { readStorageKey, type StorageKey } from './storage-key.ts';
import { readSizedWhole, sized } from './wire.ts';

/** Each element with its size bytes, in the order of dps-wire section 4.4. */
export interface ActivationElements {
  /** TPM2B_ID_OBJECT. */
  readonly idObject: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET: the credential's seed, to the EK. */
  readonly encryptedSecret: Uint8Array;
  /** TPM2B_PRIVATE: the duplicated key. */
  readonly duplicate: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET: the duplicate's seed, to the SRK. */
  readonly encryptedSeed: Uint8Array;
  /** TPM2B_PUBLIC of the duplicated key. */
  readonly publicArea: Uint8Array;
  /** TPM2B_DATA: the URI under the inner key. */
  readonly encryptedUri: Uint8Array;
}

/** A blob is about 900 bytes (dps-wire section 4.4); anything beyond one TPM buffer is not one. */
export const maxActivationBlobBytes = 4_096;

/** A credential is at most a digest of the EK's name algorithm. */
const maxCredentialBytes = 32;
const seedBytes = 32;
const innerKeyBytes = 16;
const hmacKeyBytes = 32;

// ---- credential

export interface CredentialInput {
  /** TPM2B_PUBLIC of the key that opens it. */
  readonly ek: Uint8Array;
  /** The Name of the object that must sit in the same TPM. */
  readonly name: Uint8Array;
  readonly credential: Uint8Array;
  /** 32 random bytes. */
  readonly seed: Uint8Array;
}

export interface ProtectedCredential {
  /** TPM2B_ID_OBJECT. */
  readonly idObject: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Uint8Array;
}

export function makeCredential(input: CredentialInput, read = readStorageKey): Result<ProtectedCredential> {
  if (input.seed.length !== seedBytes) return wrongSize('seed');
  if (input.credential.length > maxCredentialBytes) return wrongSize('credential');
  const ek = read(input.ek, 'IDENTITY');
  const encryptedSecret = ek.ok ? ek.value.encryptSeed(input.seed) : ek;
  if (!encryptedSecret.ok) return encryptedSecret;
  return ok({ idObject: wrapCredential(input).idObject, encryptedSecret: encryptedSecret.value });
}

/** The part without RSA (dps-wire section 4.5, step 2). */
export function wrapCredential(input: Omit<CredentialInput, 'ek'>) {
  const storageKey = kdfa({ key: input.seed, label: 'STORAGE', contextU: input.name, bits: 128 });
  const encryptedIdentity = encryptCfb(storageKey, sized(input.credential));
  const integrityKey = kdfa({ key: input.seed, label: 'INTEGRITY', bits: 256 });
  const integrity = hmacSha256(integrityKey, encryptedIdentity, input.name);
  const idObject = sized(sized(integrity), encryptedIdentity);
  return { storageKey, encryptedIdentity, integrityKey, integrity, idObject };
}

// ---- duplicate

export interface DuplicateInput {
  /** TPM2B_PUBLIC of the new parent. */
  readonly srk: Uint8Array;
  /** 16 bytes; the TPM gets it through the credential. */
  readonly innerKey: Uint8Array;
  /** 32 bytes. */
  readonly hmacKey: Uint8Array;
  /** 32 random bytes that hide the key behind its public `unique`. */
  readonly obfuscation: Uint8Array;
  /** 32 random bytes. */
  readonly seed: Uint8Array;
}

interface DuplicatedKey {
  readonly duplicate: Uint8Array;
  readonly encryptedSeed: Uint8Array;
  readonly publicArea: Uint8Array;
}

export function duplicate(input: DuplicateInput): Result<DuplicatedKey> {
  const srk = readStorageKey(input.srk, 'DUPLICATE');
  return srk.ok ? duplicateTo(srk.value, input) : srk;
}

function duplicateTo(srk: StorageKey, input: Omit<DuplicateInput, 'srk'>): Result<DuplicatedKey> {
  const fault = duplicateFault(input);
  if (fault !== undefined) return wrongSize(fault);
  const encryptedSeed = srk.encryptSeed(input.seed);
  if (!encryptedSeed.ok) return encryptedSeed;
  const wrapped = wrapDuplicate(input);
  if (!wrapped.ok) return wrapped;
  const { publicArea } = wrapped.value;
  return ok({ duplicate: wrapped.value.duplicate, encryptedSeed: encryptedSeed.value, publicArea });
}

function duplicateFault(input: Omit<DuplicateInput, 'srk'>): string | undefined {
  if (input.innerKey.length !== innerKeyBytes) return 'inner key';
  if (input.hmacKey.length !== hmacKeyBytes) return 'HMAC key';
  if (input.obfuscation.length !== hmacKeyBytes) return 'obfuscation';
  return input.seed.length === seedBytes ? undefined : 'seed';
}

/** sign, noDA, userWithAuth: what the real service gives its HMAC keys (dps-wire section 4.4). */
const identityKeyAttributes = 0x00040440;

function identityKeyPublic(unique: Uint8Array): Uint8Array<ArrayBuffer> {
  return encodePublic({
    type: 'keyed-hash',
    nameAlg: alg.sha256,
    attributes: identityKeyAttributes,
    authPolicy: new Uint8Array(0),
    scheme: { algorithm: alg.hmac, hash: alg.sha256 },
    unique,
  });
}

/** The part without RSA (dps-wire section 4.5, steps 3 and 4). */
export function wrapDuplicate(input: Omit<DuplicateInput, 'srk'>) {
  const publicArea = identityKeyPublic(sha256(input.obfuscation, input.hmacKey));
  const named = objectName(publicArea);
  if (!named.ok) return named;
  const name = named.value;
  const sensitive = sized(uint16(alg.keyedHash), sized(), sized(input.obfuscation), sized(input.hmacKey));
  const inner = encryptCfb(input.innerKey, concatBytes(sized(sha256(sensitive, name)), sensitive));
  const outer = encryptCfb(kdfa({ key: input.seed, label: 'STORAGE', contextU: name, bits: 128 }), inner);
  const integrityKey = kdfa({ key: input.seed, label: 'INTEGRITY', bits: 256 });
  const integrity = hmacSha256(integrityKey, outer, name);
  return ok({ publicArea, name, inner, duplicate: sized(sized(integrity), outer) });
}

// ---- activation blob

export interface ActivationInput {
  readonly ek: Uint8Array;
  readonly srk: Uint8Array;
  /** 16 random bytes. */
  readonly innerKey: Uint8Array;
  /** 32 bytes: the key the device will sign with. */
  readonly hmacKey: Uint8Array;
  /** 32 random bytes. */
  readonly obfuscation: Uint8Array;
  /** 32 random bytes for the credential. */
  readonly credentialSeed: Uint8Array;
  /** 32 random bytes for the duplicate. */
  readonly duplicateSeed: Uint8Array;
  /** What the device may keep beside its key; may be empty. */
  readonly uri: string;
}

// RSA-OAEP's own padding is the one thing here that is not given: the host's crypto makes it.
export function activationBlob(input: ActivationInput, read = readStorageKey): Result<Uint8Array<ArrayBuffer>> {
  const { ek, innerKey, hmacKey, obfuscation } = input;
  const parent = read(input.srk, 'DUPLICATE');
  if (!parent.ok) return parent;
  const key = duplicateTo(parent.value, { innerKey, hmacKey, obfuscation, seed: input.duplicateSeed });
  if (!key.ok) return key;
  const { name } = parent.value;
  const credential = makeCredential({ ek, name, credential: innerKey, seed: input.credentialSeed }, read);
  if (!credential.ok) return credential;
  const uri = utf8(input.uri);
  // The whole blob has to fit; the other elements take 764 bytes.
  if (uri.length > maxActivationBlobBytes - 1_024) return wrongSize('uri');
  return ok(
    concatBytes(
      credential.value.idObject,
      credential.value.encryptedSecret,
      key.value.duplicate,
      key.value.encryptedSeed,
      key.value.publicArea,
      sized(encryptCfb(innerKey, uri)),
    ),
  );
}

export function splitActivationBlob(bytes: Uint8Array): Result<ActivationElements> {
  if (bytes.length > maxActivationBlobBytes) return tpmFailed('tpm-blob-malformed', { what: 'too long' });
  const reader = new ByteReader(bytes);
  const idObject = readSizedWhole(reader);
  const encryptedSecret = readSizedWhole(reader);
  const duplicatedKey = readSizedWhole(reader);
  const encryptedSeed = readSizedWhole(reader);
  const publicArea = readSizedWhole(reader);
  const encryptedUri = readSizedWhole(reader);
  if (idObject === undefined || encryptedSecret === undefined || duplicatedKey === undefined) return cutShort();
  if (encryptedSeed === undefined || publicArea === undefined || encryptedUri === undefined) return cutShort();
  if (reader.remaining > 0) return tpmFailed('tpm-blob-malformed', { what: 'bytes after the end' });
  return ok({ idObject, encryptedSecret, duplicate: duplicatedKey, encryptedSeed, publicArea, encryptedUri });
}

function cutShort(): Result<never> {
  return tpmFailed('tpm-blob-malformed', { what: 'cut short' });
}

function wrongSize(what: string): Result<never> {
  return tpmFailed('tpm-secret-size', { what });
}
