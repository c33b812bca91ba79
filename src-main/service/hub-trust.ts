/** Whom the service trusts as a hub: its own authority, the roots Node brings along, and those that a person names. */
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { faultMaker } from '../lib/base/fault.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { readBoundedFile } from '../lib/files/bounded-file.ts';
import { certificatesFromPem } from '../lib/x509/pem.ts';

const trustFault = faultMaker({
  'hub-ca-file-unusable': {
    say: 'The CA file {file} for hubs cannot be used: {reason}.',
    hint: 'Give --hub-ca-file a file with CA certificates as PEM.',
  },
});

// The roots of a whole system are about 250 kB.
const maxFileBytes = 1_048_576;

/** PEM. */
export async function hubRoots(ownCaPem: string, file: string | undefined): Promise<Result<string>> {
  const usual = [ownCaPem, ...rootCertificates];
  if (file === undefined) return ok(usual.join('\n'));
  const read = await readBoundedFile(file, maxFileBytes);
  if (!read.ok) return failed(trustFault('hub-ca-file-unusable', { file, reason: read.reason }));
  const certificates = certificatesFromPem(Buffer.from(read.bytes).toString('utf8')).map(asPem);
  const more = certificates.filter((pem) => pem !== undefined);
  if (more.length === 0 || more.length < certificates.length) {
    const reason = more.length === 0 ? 'it holds no certificate' : 'a certificate in it is broken';
    return failed(trustFault('hub-ca-file-unusable', { file, reason }));
  }
  return ok([...usual, ...more].join('\n'));
}

/** By OpenSSL, which reads it again for TLS and would stop there; undefined for what it cannot read. */
function asPem(der: Uint8Array): string | undefined {
  try {
    return new X509Certificate(der).toString();
  } catch {
    return undefined;
  }
}
