/** Whether what a service holds is what we would have sent. */
import { X509Certificate } from 'node:crypto';
import { fromBase64 } from '../../lib/base/bytes.ts';
import type { Certificate, Enrollment } from '../batches/enrollment.ts';
import type { HeldCertificate, HeldEnrollment } from './ports.ts';

/** The first member that differs; undefined when the service holds ours. Defaults are those of dps-wire 7.2. */
export function differenceOf(ours: Enrollment, held: HeldEnrollment): string | undefined {
  if ('registrationId' in ours && ours.deviceId !== (held.deviceId ?? ours.registrationId)) return 'deviceId';
  if (ours.attestation.type !== held.attestation.type) return 'attestation type';
  const material = differentMaterial(ours.attestation, held.attestation);
  if (material !== undefined) return material;
  if (ours.provisioningStatus !== (held.provisioningStatus ?? 'enabled')) return 'provisioningStatus';
  return twinText(ours.initialTwin) === twinText(held.initialTwin) ? undefined : 'initialTwin';
}

function differentMaterial(
  ours: Enrollment['attestation'],
  held: HeldEnrollment['attestation'],
): 'endorsementKey' | 'certificate' | undefined {
  // The storage root key is not compared: the service takes it from each registration (dps-wire 4.3).
  if ('tpm' in ours) return ours.tpm.endorsementKey === held.tpm?.endorsementKey ? undefined : 'endorsementKey';
  const isSame =
    'clientCertificates' in ours.x509
      ? sameCertificate(ours.x509.clientCertificates.primary, held.x509?.clientCertificates?.primary)
      : sameCertificate(ours.x509.signingCertificates.primary, held.x509?.signingCertificates?.primary);
  return isSame ? undefined : 'certificate';
}

function sameCertificate(ours: Certificate, held: HeldCertificate | null | undefined): boolean {
  const fingerprint = fingerprintOf(ours.certificate);
  return fingerprint !== undefined && fingerprint === heldFingerprint(held);
}

/** A service may answer with what a certificate says instead of the certificate itself (dps-wire 7.2). */
function heldFingerprint(held: HeldCertificate | null | undefined): string | undefined {
  if (typeof held?.certificate === 'string' && held.certificate !== '') return fingerprintOf(held.certificate);
  const info = held?.info;
  if (typeof info !== 'object' || info === null || !('sha256Thumbprint' in info)) return undefined;
  return typeof info.sha256Thumbprint === 'string' ? info.sha256Thumbprint.toLowerCase() : undefined;
}

function fingerprintOf(certificate: string): string | undefined {
  try {
    const source = certificate.includes('-----BEGIN') ? certificate : (fromBase64(certificate.trim()) ?? '');
    return new X509Certificate(source).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch {
    return undefined;
  }
}

/** Members in one order, without what a service adds (`$version`, `$metadata`); nothing and empty are the same. */
function twinText(twin: unknown): string {
  return JSON.stringify(canonical(twin) ?? {});
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value ?? undefined;
  const members = Object.entries(value)
    .filter(([name]) => !name.startsWith('$'))
    .map(([name, member]): [string, unknown] => [name, canonical(member)])
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
