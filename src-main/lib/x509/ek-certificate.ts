/** Checks the certificate of a TPM's endorsement key against the vendor roots (TCG EK Credential Profile). */
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { readCertificate } from './certificate.ts';
import { validateChain } from './chain.ts';
import { readDer } from './der.ts';
import { x509Fault } from './faults.ts';
import { publicKeyFacts } from './public-key.ts';
import type { CertificateChain, CertificateDer } from './types.ts';

export const ekPolicies = ['require', 'prefer', 'none'] as const;
export type EkPolicy = (typeof ekPolicies)[number];

export interface EkQuestion {
  /** As read from NV 0x01C00002; what pads it to the size of the NV index is cut off. Absent when there is none. */
  readonly certificate: CertificateDer | undefined;
  /** DER SubjectPublicKeyInfo of the endorsement key read from the same TPM. */
  readonly publicKey: Uint8Array;
  readonly roots: readonly CertificateDer[];
  /** Certificates between, from NV 0x01C00100 onwards or shipped with the roots. */
  readonly intermediates?: readonly CertificateDer[];
  readonly policy: EkPolicy;
  readonly nowMs: number;
}

export type EkTrust =
  | { readonly at: 'trusted'; readonly path: CertificateChain }
  /** There is a certificate about this key, but none of our roots stands behind it. */
  | { readonly at: 'untrusted'; readonly why: string }
  | { readonly at: 'absent' }
  | { readonly at: 'unchecked' };

/**
 * `require`: trusted or a fault. `prefer`: as good as it gets, but a certificate about another key is a fault all the
 * same, since it tells of a swapped TPM. `none`: nothing is looked at.
 */
export function checkEkCertificate(question: EkQuestion): Result<EkTrust> {
  if (question.policy === 'none') return ok({ at: 'unchecked' });
  if (question.certificate === undefined) {
    return question.policy === 'require' ? failed(x509Fault('ek-certificate-missing')) : ok({ at: 'absent' });
  }
  return checkPresent(question, question.certificate);
}

function checkPresent(question: EkQuestion, certificate: CertificateDer): Result<EkTrust> {
  const isRequired = question.policy === 'require';
  const leaf = readDer(certificate)?.raw ?? certificate;
  const read = readCertificate(leaf);
  if (!read.ok) return read;
  // The bits alone: a certificate may name the RSA key as one for OAEP, the TPM does not.
  const bits = publicKeyFacts(question.publicKey)?.bits;
  if (bits === undefined || Buffer.compare(read.value.keyFacts.bits, bits) !== 0) {
    return failed(x509Fault('ek-certificate-mismatch'));
  }
  const chain = validateChain({
    leaf,
    presented: question.intermediates ?? [],
    anchors: question.roots,
    nowMs: question.nowMs,
    leafIs: 'endorsement-key',
  });
  if (chain.ok) return ok({ at: 'trusted', path: chain.value.path });
  const why = chain.fault.say;
  return isRequired ? failed(x509Fault('ek-certificate-untrusted', { why })) : ok({ at: 'untrusted', why });
}
