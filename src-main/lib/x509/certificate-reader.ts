/** Reads certificates and remembers them: the same few issuers stand above every device of a line. */
import type { Result } from '../base/result.ts';
import { readCertificate, type Certificate } from './certificate.ts';
import type { CertificateDer } from './types.ts';

export type CertificateReader = (der: CertificateDer) => Result<Certificate>;

/** `limit`: how many are remembered; each takes some ten times its own size. */
export function createCertificateReader(limit: number): CertificateReader {
  // In order of the last use: the first is the one to go.
  const known = new Map<string, Result<Certificate>>();
  return (der) => {
    const key = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('latin1');
    const read = known.get(key) ?? readCertificate(der);
    known.delete(key);
    // What cannot be read is not worth a place: nobody brings it twice with good reason.
    if (!read.ok) return read;
    const [oldest] = known.keys();
    if (known.size >= limit && oldest !== undefined) known.delete(oldest);
    known.set(key, read);
    return read;
  };
}
