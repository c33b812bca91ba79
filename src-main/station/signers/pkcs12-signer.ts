/** A signer from a PKCS#12 file. */
import type { Clock } from '../../lib/base/clock.ts';
import { failed, ok } from '../../lib/base/result.ts';
import type { Result } from '../../lib/base/result.ts';
import { readCertificate } from '../../lib/x509/certificate.ts';
import { signingKeyFromPkcs8 } from '../../lib/x509/keys.ts';
import type { CertificateDer, SigningKey } from '../../lib/x509/types.ts';
import { signerFault } from './faults.ts';
import { readPkcs12 } from './pkcs12-read.ts';
import type { Pkcs12Content } from './pkcs12-read.ts';
import { signerOf } from './signer.ts';
import type { Signer } from './signer.ts';

interface Candidate {
  readonly certificate: CertificateDer;
  readonly key: SigningKey;
}

/** The one key in the file with its own CA certificate; every other certificate may serve as an issuer of it. */
export function openPkcs12Signer(bytes: Uint8Array, passphrase: string, clock: Clock): Result<Signer> {
  const content = readPkcs12(bytes, passphrase);
  return content.ok ? signerFrom(content.value, clock) : content;
}

/** The same of what was read elsewhere; the private keys are wiped once they are in custody. */
export function signerFrom(content: Pkcs12Content, clock: Clock): Result<Signer> {
  const candidate = onlyCandidate(content);
  for (const key of content.privateKeys) key.fill(0);
  if (!candidate.ok) return candidate;
  const { certificate, key } = candidate.value;
  return signerOf(certificate, key, content.certificates, clock.nowMs());
}

function onlyCandidate(content: Pkcs12Content): Result<Candidate> {
  if (content.privateKeys.length === 0) return failed(signerFault('signer-no-key'));
  if (content.certificates.length === 0) return failed(signerFault('signer-no-certificate'));
  const keys = content.privateKeys.map(signingKeyFromPkcs8).flatMap((key) => (key.ok ? [key.value] : []));
  if (keys.length === 0) return failed(signerFault('signer-key-refused'));
  const pairs = keys.flatMap((key) => {
    const certificate = content.certificates.find((one) => isAbout(one, key));
    return certificate === undefined ? [] : [{ certificate, key }];
  });
  const [first, ...others] = pairs;
  if (first === undefined) return failed(signerFault('signer-key-mismatch'));
  return others.length === 0 ? ok(first) : failed(signerFault('signer-ambiguous', { count: pairs.length }));
}

function isAbout(certificate: CertificateDer, key: SigningKey): boolean {
  const read = readCertificate(certificate);
  return read.ok && Buffer.compare(read.value.publicKey, key.publicKey) === 0;
}
