/** Judges a TPM's endorsement certificate against the vendor roots that the station holds. */
import { createPublicKey } from 'node:crypto';
import type { Clock } from '../../lib/base/clock.ts';
import { ok } from '../../lib/base/result.ts';
import { decodeStorageKey } from '../../lib/tpm/templates.ts';
import { checkEkCertificate } from '../../lib/x509/ek-certificate.ts';
import type { EndorsementCheck } from '../bench/ports.ts';

export function createEndorsementCheck(vendorRoots: readonly Uint8Array[], clock: Clock): EndorsementCheck {
  return {
    check: async (identity, policy) => {
      const area = decodeStorageKey(identity.endorsementKey);
      if (!area.ok) return area;
      const trust = checkEkCertificate({
        certificate: identity.ekCertificate,
        publicKey: rsaSpki(area.value.modulus),
        roots: vendorRoots,
        policy,
        nowMs: clock.nowMs(),
      });
      return trust.ok ? ok() : trust;
    },
  };
}

/** DER SubjectPublicKeyInfo of an RSA key with the TPM's default exponent, 65,537 (TPM 2.0 Part 2, clause 12.2.3.5). */
function rsaSpki(modulus: Uint8Array): Uint8Array {
  const jwk = { kty: 'RSA', n: Buffer.from(modulus).toString('base64url'), e: 'AQAB' };
  return new Uint8Array(createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' }));
}
