/** The two primary keys every DPS client makes (dps-wire section 4.1), and the check that a key is of that kind. */
import { fromHex } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { alg } from './constants.ts';
import { tpmFailed } from './faults.ts';
import { decodePublic, encodePublic, type RsaArea } from './public-area.ts';

const aes128Cfb = { algorithm: alg.aes, keyBits: 128, mode: alg.cfb } as const;
const rsaModulusBytes = 256;

/** PolicySecret(TPM_RH_ENDORSEMENT), TCG EK Credential Profile, template L-1. */
const ekPolicyHex = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';

/** restricted, decrypt, fixedTPM, fixedParent, adminWithPolicy, sensitiveDataOrigin. */
const ekAttributes = 0x000300b2;
/** restricted, decrypt, noDA, userWithAuth, fixedTPM, fixedParent, sensitiveDataOrigin. */
const srkAttributes = 0x00030472;

// The TCG templates fill `unique` with zeros of the modulus' length: it takes part in deriving the key.
export function ekPublic(modulus: Uint8Array = new Uint8Array(rsaModulusBytes)): Uint8Array<ArrayBuffer> {
  return encodePublic(primaryArea(ekAttributes, fromHex(ekPolicyHex) ?? new Uint8Array(0), modulus));
}

export function srkPublic(modulus: Uint8Array = new Uint8Array(rsaModulusBytes)): Uint8Array<ArrayBuffer> {
  return encodePublic(primaryArea(srkAttributes, new Uint8Array(0), modulus));
}

export const ekTemplate: Uint8Array = ekPublic();
export const srkTemplate: Uint8Array = srkPublic();

function primaryArea(attributes: number, authPolicy: Uint8Array, modulus: Uint8Array): RsaArea {
  return {
    type: 'rsa',
    nameAlg: alg.sha256,
    attributes,
    authPolicy,
    symmetric: aes128Cfb,
    scheme: { algorithm: alg.null },
    keyBits: rsaModulusBytes * 8,
    exponent: 0,
    modulus,
  };
}

/**
 * Reads a key that protects others: RSA-2048, SHA-256, AES-128-CFB, exponent 65537. These cover the templates of every
 * SDK (dps-wire section 4.5); anything else is refused.
 */
export function decodeStorageKey(tpm2bPublic: Uint8Array): Result<RsaArea> {
  const decoded = decodePublic(tpm2bPublic);
  if (!decoded.ok) return decoded;
  const area = decoded.value;
  if (area.type !== 'rsa') return unsupported(area.type);
  if (area.nameAlg !== alg.sha256) return unsupported(`name algorithm ${area.nameAlg}`);
  if (area.keyBits !== 2_048 || area.modulus.length !== rsaModulusBytes) return unsupported(`${area.keyBits} bits`);
  if (area.exponent !== 0 && area.exponent !== 65_537) return unsupported(`exponent ${area.exponent}`);
  const { symmetric } = area;
  if (symmetric?.algorithm !== alg.aes || symmetric.keyBits !== 128 || symmetric.mode !== alg.cfb) {
    return unsupported('symmetric algorithm');
  }
  return ok(area);
}

function unsupported(what: string): Result<never> {
  return tpmFailed('tpm-key-unsupported', { what });
}
