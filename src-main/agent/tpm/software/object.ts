/** What the software TPM holds: keys with their secret parts, and HMAC sequences. */
import { createPrivateKey, type createHmac, type KeyObject } from 'node:crypto';
import { must } from '../../../lib/base/result.ts';
import { decodePublic, objectName, type PublicArea } from '../../../lib/tpm/public-area.ts';

/** A storage key: opens secrets sent to it and wraps its children. */
export interface StorageKey {
  readonly kind: 'storage';
  /** TPM2B_PUBLIC. */
  readonly publicArea: Uint8Array;
  readonly hierarchy: number;
  /** DER PKCS#8. */
  readonly privateKey: Uint8Array;
  /** What its children are wrapped under. */
  readonly seed: Uint8Array;
}

export interface HmacKey {
  readonly kind: 'hmac';
  readonly publicArea: Uint8Array;
  readonly hierarchy: number;
  readonly auth: Uint8Array;
  readonly obfuscation: Uint8Array;
  readonly key: Uint8Array;
}

export type TpmKey = StorageKey | HmacKey;

export interface HmacSequence {
  readonly kind: 'sequence';
  readonly auth: Uint8Array;
  readonly hmac: ReturnType<typeof createHmac>;
}

export type Transient = TpmKey | HmacSequence;

/** A held key was accepted once, so its public area can be read. */
export function areaOf(key: TpmKey): PublicArea {
  return must(decodePublic(key.publicArea));
}

export function nameOf(key: TpmKey): Uint8Array {
  return must(objectName(key.publicArea));
}

export function privateKeyOf(key: StorageKey): KeyObject {
  return createPrivateKey({ key: Buffer.from(key.privateKey), format: 'der', type: 'pkcs8' });
}

/** TPMA_OBJECT bits (Part 2, clause 8.3). */
export const objectBit = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  userWithAuth: 1 << 6,
  noDa: 1 << 10,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
} as const;
