/** What the service must know of a device or of a family, in the words of the DPS service API (dps-wire 7.2). */
import type { BatchTerms } from './model.ts';

export interface Certificate {
  readonly certificate: string;
}

export interface InitialTwin {
  readonly tags?: Readonly<Record<string, unknown>>;
  readonly properties?: { readonly desired?: Readonly<Record<string, unknown>> };
}

export type IndividualAttestation =
  | { readonly type: 'tpm'; readonly tpm: { readonly endorsementKey: string; readonly storageRootKey?: string } }
  | { readonly type: 'x509'; readonly x509: { readonly clientCertificates: { readonly primary: Certificate } } };

interface Common {
  readonly capabilities: { readonly iotEdge: false };
  readonly provisioningStatus: 'enabled' | 'disabled';
  readonly reprovisionPolicy: { readonly updateHubAssignment: true; readonly migrateDeviceData: true };
  readonly initialTwin?: InitialTwin;
}

export interface IndividualEnrollment extends Common {
  readonly registrationId: string;
  readonly deviceId: string;
  readonly attestation: IndividualAttestation;
}

export interface EnrollmentGroup extends Common {
  readonly enrollmentGroupId: string;
  readonly attestation: {
    readonly type: 'x509';
    readonly x509: { readonly signingCertificates: { readonly primary: Certificate } };
  };
}

export type Enrollment = IndividualEnrollment | EnrollmentGroup;

export function individualEnrollment(
  names: { readonly registrationId: string; readonly deviceId: string },
  attestation: IndividualAttestation,
  terms: Pick<BatchTerms, 'initialTwin'>,
): IndividualEnrollment {
  return { registrationId: names.registrationId, deviceId: names.deviceId, attestation, ...common(terms) };
}

export function enrollmentGroup(
  enrollmentGroupId: string,
  signerCertificatePem: string,
  terms: Pick<BatchTerms, 'initialTwin'>,
): EnrollmentGroup {
  const signingCertificates = { primary: { certificate: signerCertificatePem } };
  return { enrollmentGroupId, attestation: { type: 'x509', x509: { signingCertificates } }, ...common(terms) };
}

/**
 * One group serves every batch of a signer that starts its devices the same way: a service takes 100 groups
 * (dps-wire 8.4), and a line opens more batches than that.
 */
export function enrollmentGroupIdOf(
  signer: { readonly commonName: string; readonly sha256: string },
  initialTwin: string | undefined,
  sha256Hex: (text: string) => string,
): string {
  const slug = signer.commonName
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const identity = sha256Hex(`${signer.sha256.toLowerCase()}\n${initialTwin ?? ''}`).slice(0, 16);
  return `${slug === '' ? 'signer' : slug.slice(0, 80)}-${identity}`;
}

/** The first certificate of a PEM text: the leaf of a chain. */
export function firstCertificate(pem: string): string {
  const end = '-----END CERTIFICATE-----\n';
  const at = pem.indexOf(end);
  return at < 0 ? pem : pem.slice(0, at + end.length);
}

function common(terms: Pick<BatchTerms, 'initialTwin'>): Common {
  return {
    capabilities: { iotEdge: false },
    provisioningStatus: 'enabled',
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
    // Parsed and checked when the batch was opened.
    ...(terms.initialTwin === undefined ? {} : { initialTwin: JSON.parse(terms.initialTwin) as InitialTwin }),
  };
}
