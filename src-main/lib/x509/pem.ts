/** PEM (RFC 7468), read leniently and written strictly. */
import { fromBase64, toBase64 } from '../base/bytes.ts';
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { readDer, tag } from './der.ts';
import { x509Fault } from './faults.ts';
import type { CertificateChain, CertificateDer } from './types.ts';

export function toPem(label: string, bytes: Uint8Array): string {
  const lines = toBase64(bytes).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** Every block of this label, in order; what stands between blocks and blocks that are not base64 are passed over. */
export function fromPem(text: string, label: string): readonly Uint8Array[] {
  const block = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g');
  return [...text.matchAll(block)]
    .map((match) => fromBase64((match[1] ?? '').replace(/\s+/g, '')))
    .filter((bytes) => bytes !== undefined);
}

/** For the `cert` and `ca` options of TLS. */
export function certificatesToPem(chain: CertificateChain): string {
  return chain.map((certificate) => toPem('CERTIFICATE', certificate)).join('');
}

export function certificatesFromPem(text: string): readonly CertificateDer[] {
  return fromPem(text, 'CERTIFICATE');
}

/**
 * The one certificate in a text as enrollments carry it: PEM, base64 of DER, or base64 of a PEM text (dps-wire 5.2, 7.2).
 * That it reads as a certificate is left to `readCertificate`; here it is one whole DER SEQUENCE.
 */
export function certificateFromPemOrBase64(text: string): Result<CertificateDer> {
  const bytes = text.includes('-----BEGIN') ? certificatesFromPem(text)[0] : fromBase64Text(text);
  const outer = bytes === undefined ? undefined : readDer(bytes);
  if (bytes === undefined || outer?.tag !== tag.sequence || outer.raw.length !== bytes.length) {
    return failed(x509Fault('certificate-malformed'));
  }
  return ok(bytes);
}

function fromBase64Text(text: string): Uint8Array | undefined {
  const bytes = fromBase64(text.replace(/\s+/g, ''));
  if (bytes?.[0] !== '-'.charCodeAt(0)) return bytes;
  return certificatesFromPem(Buffer.from(bytes).toString('latin1'))[0];
}
