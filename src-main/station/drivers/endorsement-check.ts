/** Judges a TPM's endorsement certificate against the vendor roots that the station holds. */
import { createPublicKey } from 'node:crypto';
import type { Clock } from '../../lib/base/clock.ts';
import { faultMaker } from '../../lib/base/fault.ts';
import { failed, ok } from '../../lib/base/result.ts';
import { decodeStorageKey } from '../../lib/tpm/templates.ts';
import { checkEkCertificate } from '../../lib/x509/ek-certificate.ts';
import type { EndorsementCheck } from '../bench/ports.ts';

const endorsementFault = faultMaker({
  // Its code is none of the unit's own: without roots no certificate in the world could be trusted.
  'ek-roots-missing': {
    say: "The batch asks for a trusted TPM, and this station holds no TPM vendor's root certificate.",
    hint: "Let a supervisor put the vendor's root certificates into the station's folder for them, then start it again.",
  },
});

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
      if (trust.ok) return ok();
      const isOurs = trust.fault.code === 'ek-certificate-untrusted' && vendorRoots.length === 0;
      return isOurs ? failed(endorsementFault('ek-roots-missing')) : trust;
    },
  };
}

/** DER SubjectPublicKeyInfo of an RSA key with the TPM's default exponent, 65,537 (TPM 2.0 Part 2, clause 12.2.3.5). */
function rsaSpki(modulus: Uint8Array): Uint8Array {
  const jwk = { kty: 'RSA', n: Buffer.from(modulus).toString('base64url'), e: 'AQAB' };
  return new Uint8Array(createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' }));
}
