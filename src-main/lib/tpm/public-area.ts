/** TPM2B_PUBLIC and TPMT_PUBLIC (Part 2, clause 12.2) for RSA, ECC and keyed-hash objects, and the Name of an object. */
import { createHash } from 'node:crypto';
import { ByteReader, concatBytes, uint16, uint32 } from '../base/bytes.ts';
import { ok, type Result, unreachable } from '../base/result.ts';
import { alg } from './constants.ts';
import { tpmFailed } from './faults.ts';
import { readSized, sized } from './wire.ts';

/** TPMT_SYM_DEF_OBJECT; absent stands for TPM_ALG_NULL. */
interface SymmetricDefinition {
  readonly algorithm: number;
  readonly keyBits: number;
  readonly mode: number;
}

/** A scheme or a key derivation: its algorithm, and its hash (and the ECDAA count) where the algorithm has one. */
interface Scheme {
  readonly algorithm: number;
  readonly hash?: number;
  /** ECDAA: the counter. XOR obfuscation: the key derivation. */
  readonly extra?: number;
}

interface CommonArea {
  readonly nameAlg: number;
  /** TPMA_OBJECT. */
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
}

export interface RsaArea extends CommonArea {
  readonly type: 'rsa';
  readonly symmetric?: SymmetricDefinition;
  readonly scheme: Scheme;
  readonly keyBits: number;
  /** 0 stands for 65537. */
  readonly exponent: number;
  readonly modulus: Uint8Array;
}

interface EccArea extends CommonArea {
  readonly type: 'ecc';
  readonly symmetric?: SymmetricDefinition;
  readonly scheme: Scheme;
  /** TPM_ECC_CURVE; 3 is P-256. */
  readonly curve: number;
  readonly kdf: Scheme;
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

export interface KeyedHashArea extends CommonArea {
  readonly type: 'keyed-hash';
  readonly scheme: Scheme;
  readonly unique: Uint8Array;
}

export type PublicArea = RsaArea | EccArea | KeyedHashArea;

const blockCiphers: ReadonlySet<number> = new Set([alg.aes, alg.sm4, alg.camellia]);
const plainSchemes: ReadonlySet<number> = new Set([alg.null, alg.rsaes]);
const hashSchemes: ReadonlySet<number> = new Set([
  ...[alg.rsassa, alg.rsapss, alg.oaep, alg.ecdsa, alg.ecdh, alg.sm2, alg.ecSchnorr, alg.ecmqv, alg.hmac],
  ...[alg.mgf1, alg.kdf1Sp80056a, alg.kdf2, alg.kdf1Sp800108],
]);
const hashAndExtraSchemes: ReadonlySet<number> = new Set([alg.ecdaa, alg.xor]);
const typeNumber = { rsa: alg.rsa, ecc: alg.ecc, 'keyed-hash': alg.keyedHash } as const;

/** TPM2B_PUBLIC: with the two size bytes, as DPS wants it (dps-wire section 4.1). */
export function encodePublic(area: PublicArea): Uint8Array<ArrayBuffer> {
  return sized(
    uint16(typeNumber[area.type]),
    uint16(area.nameAlg),
    uint32(area.attributes),
    sized(area.authPolicy),
    encodeBody(area),
  );
}

function encodeBody(area: PublicArea): Uint8Array<ArrayBuffer> {
  switch (area.type) {
    case 'rsa':
      return concatBytes(
        encodeSymmetric(area.symmetric),
        encodeScheme(area.scheme),
        uint16(area.keyBits),
        uint32(area.exponent),
        sized(area.modulus),
      );
    case 'ecc':
      return concatBytes(
        encodeSymmetric(area.symmetric),
        encodeScheme(area.scheme),
        uint16(area.curve),
        encodeScheme(area.kdf),
        sized(area.x),
        sized(area.y),
      );
    case 'keyed-hash':
      return concatBytes(encodeScheme(area.scheme), sized(area.unique));
    default:
      return unreachable(area);
  }
}

function encodeSymmetric(definition: SymmetricDefinition | undefined): Uint8Array<ArrayBuffer> {
  if (definition === undefined) return uint16(alg.null);
  return concatBytes(uint16(definition.algorithm), uint16(definition.keyBits), uint16(definition.mode));
}

function encodeScheme(scheme: Scheme): Uint8Array<ArrayBuffer> {
  const numbers = [scheme.algorithm, scheme.hash, scheme.extra].filter((number) => number !== undefined);
  return concatBytes(...numbers.map(uint16));
}

/** Reads a whole TPM2B_PUBLIC: nothing may be missing and nothing may follow. */
export function decodePublic(tpm2bPublic: Uint8Array): Result<PublicArea> {
  const outer = new ByteReader(tpm2bPublic);
  const body = readSized(outer);
  if (body === undefined || outer.remaining > 0) return malformed('size');
  const reader = new ByteReader(body);
  const type = reader.uint16();
  const nameAlg = reader.uint16();
  const attributes = reader.uint32();
  const authPolicy = readSized(reader);
  if (nameAlg === undefined || attributes === undefined || authPolicy === undefined) return malformed('cut short');
  const area = decodeBody(reader, type, { nameAlg, attributes, authPolicy });
  if (area === undefined) return malformed('parameters');
  return reader.remaining > 0 ? malformed('bytes after the end') : ok(area);
}

function decodeBody(reader: ByteReader, type: number | undefined, common: CommonArea): PublicArea | undefined {
  switch (type) {
    case alg.rsa:
      return decodeRsa(reader, common);
    case alg.ecc:
      return decodeEcc(reader, common);
    case alg.keyedHash:
      return decodeKeyedHash(reader, common);
    default:
      return undefined;
  }
}

function decodeRsa(reader: ByteReader, common: CommonArea): RsaArea | undefined {
  const symmetric = decodeSymmetric(reader);
  const scheme = decodeScheme(reader);
  const keyBits = reader.uint16();
  const exponent = reader.uint32();
  const modulus = readSized(reader);
  if (symmetric === undefined || scheme === undefined || keyBits === undefined) return undefined;
  if (exponent === undefined || modulus === undefined) return undefined;
  return { type: 'rsa', ...common, ...symmetric, scheme, keyBits, exponent, modulus };
}

function decodeEcc(reader: ByteReader, common: CommonArea): EccArea | undefined {
  const symmetric = decodeSymmetric(reader);
  const scheme = decodeScheme(reader);
  const curve = reader.uint16();
  const kdf = decodeScheme(reader);
  const x = readSized(reader);
  const y = readSized(reader);
  if (symmetric === undefined || scheme === undefined || curve === undefined) return undefined;
  if (kdf === undefined || x === undefined || y === undefined) return undefined;
  return { type: 'ecc', ...common, ...symmetric, scheme, curve, kdf, x, y };
}

function decodeKeyedHash(reader: ByteReader, common: CommonArea): KeyedHashArea | undefined {
  const scheme = decodeScheme(reader);
  const unique = readSized(reader);
  if (scheme === undefined || unique === undefined) return undefined;
  return { type: 'keyed-hash', ...common, scheme, unique };
}

/** An object to spread: empty for TPM_ALG_NULL; undefined when it cannot be read. */
function decodeSymmetric(reader: ByteReader): { symmetric?: SymmetricDefinition } | undefined {
  const algorithm = reader.uint16();
  if (algorithm === alg.null) return {};
  if (algorithm === undefined || !blockCiphers.has(algorithm)) return undefined;
  const keyBits = reader.uint16();
  const mode = reader.uint16();
  if (keyBits === undefined || mode === undefined) return undefined;
  return { symmetric: { algorithm, keyBits, mode } };
}

function decodeScheme(reader: ByteReader): Scheme | undefined {
  const algorithm = reader.uint16();
  if (algorithm === undefined) return undefined;
  if (plainSchemes.has(algorithm)) return { algorithm };
  const hash = reader.uint16();
  if (hash === undefined) return undefined;
  if (hashSchemes.has(algorithm)) return { algorithm, hash };
  const extra = reader.uint16();
  if (extra === undefined || !hashAndExtraSchemes.has(algorithm)) return undefined;
  return { algorithm, hash, extra };
}

const nameHashes: ReadonlyMap<number, string> = new Map([
  [alg.sha1, 'sha1'],
  [alg.sha256, 'sha256'],
  [alg.sha384, 'sha384'],
  [alg.sha512, 'sha512'],
]);

/** The Name: nameAlg, then its hash over TPMT_PUBLIC, that is without the size bytes (Part 1, clause 16). */
export function objectName(tpm2bPublic: Uint8Array): Result<Uint8Array<ArrayBuffer>> {
  const area = decodePublic(tpm2bPublic);
  if (!area.ok) return area;
  const hash = nameHashes.get(area.value.nameAlg);
  if (hash === undefined) return tpmFailed('tpm-key-unsupported', { what: `name algorithm ${area.value.nameAlg}` });
  return ok(concatBytes(uint16(area.value.nameAlg), createHash(hash).update(tpm2bPublic.subarray(2)).digest()));
}

function malformed(what: string): Result<never> {
  return tpmFailed('tpm-public-malformed', { what });
}
