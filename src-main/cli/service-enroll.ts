/** Enrollments made by hand: from a TPM's endorsement key, a certificate, a CA certificate's name, or by key. */
import { fromBase64, toBase64 } from '../lib/base/bytes.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import {
  allocationPolicies,
  type AttestationMechanism,
  type EnrollmentGroup,
  type IndividualEnrollment,
} from '../lib/dps/wire.ts';
import { decodePublic } from '../lib/tpm/public-area.ts';
import { registrationIdFromEk } from '../lib/tpm/registration-id.ts';
import { readCertificate, type Certificate } from '../lib/x509/certificate.ts';
import { certificatesFromPem, certificatesToPem } from '../lib/x509/pem.ts';
import type { CallOption } from './service-options.ts';
import { orList } from './options.ts';
import { bytesOf } from './service-target.ts';
import { cliFault } from './verb.ts';

type Values = Readonly<Partial<Record<CallOption, string>>>;

/** By what proves the device: exactly one of a TPM's key, a certificate, a CA certificate's name and a symmetric key. */
export async function individualEnrollment(values: Values, byKey: boolean): Promise<Result<IndividualEnrollment>> {
  const proof = oneProof(values, byKey, ['tpm-ek', 'certificate', 'ca-name']);
  if (!proof.ok) return proof;
  if (values['tpm-ek'] !== undefined) return tpmEnrollment(values);
  if (values.certificate !== undefined) return certificateEnrollment(values, values.certificate);
  const attestation = namedAttestation(values, byKey);
  if (attestation === undefined) {
    return failed(cliFault('option-missing', { option: '--tpm-ek, --certificate, --ca-name or --symmetric-key' }));
  }
  const registrationId = values['registration-id'];
  if (registrationId === undefined) return failed(cliFault('option-missing', { option: '--registration-id' }));
  return completed({ registrationId, attestation, ...deviceIdOf(values) }, values);
}

async function tpmEnrollment(values: Values): Promise<Result<IndividualEnrollment>> {
  const ek = await endorsementKey(values['tpm-ek'] ?? '');
  if (!ek.ok) return ek;
  const registrationId = values['registration-id'] ?? registrationIdFromEk(ek.value);
  const attestation = { type: 'tpm' as const, tpm: { endorsementKey: toBase64(ek.value) } };
  return completed({ registrationId, attestation, ...deviceIdOf(values) }, values);
}

async function certificateEnrollment(values: Values, file: string): Promise<Result<IndividualEnrollment>> {
  const certificate = await certificateIn(file);
  if (!certificate.ok) return certificate;
  const [commonName] = certificate.value.commonNames;
  const registrationId = values['registration-id'] ?? commonName;
  if (registrationId !== undefined && commonName?.toLowerCase() !== registrationId.toLowerCase()) {
    const wanted =
      commonName === undefined ? 'of a certificate with a common name' : `${commonName}, as in its common name`;
    return failed(cliFault('option-wrong', { option: '--registration-id', value: registrationId, wanted }));
  }
  if (registrationId === undefined) return failed(cliFault('option-missing', { option: '--registration-id' }));
  const primary = { certificate: certificatesToPem([certificate.value.der]) };
  const attestation = { type: 'x509' as const, x509: { clientCertificates: { primary } } };
  return completed({ registrationId, attestation, ...deviceIdOf(values) }, values);
}

export async function groupEnrollment(values: Values, byKey: boolean): Promise<Result<EnrollmentGroup>> {
  if (values.id === undefined) return failed(cliFault('option-missing', { option: '--id' }));
  const proof = oneProof(values, byKey, ['certificate', 'ca-name']);
  if (!proof.ok) return proof;
  const named = namedAttestation(values, byKey);
  if (named !== undefined) return completed({ enrollmentGroupId: values.id, attestation: named }, values);
  if (values.certificate === undefined) {
    return failed(cliFault('option-missing', { option: '--certificate, --ca-name or --symmetric-key' }));
  }
  const certificate = await certificateIn(values.certificate);
  if (!certificate.ok) return certificate;
  const primary = { certificate: certificatesToPem([certificate.value.der]) };
  const attestation = { type: 'x509' as const, x509: { signingCertificates: { primary } } };
  return completed({ enrollmentGroupId: values.id, attestation }, values);
}

function oneProof(values: Values, byKey: boolean, proofs: readonly CallOption[]): Result<void> {
  const given = proofs.filter((name) => values[name] !== undefined).map((name) => `--${name}`);
  const all = byKey ? [...given, '--symmetric-key'] : given;
  if (all.length > 1) return failed(cliFault('option-clash', { options: all.join(' and ') }));
  const isLone = values['secondary-ca-name'] !== undefined && values['ca-name'] === undefined;
  return isLone ? failed(cliFault('option-missing', { option: '--ca-name, beside --secondary-ca-name,' })) : ok();
}

/** What needs no file: CA certificates by name, or keys that the service makes. */
function namedAttestation(values: Values, byKey: boolean): AttestationMechanism | undefined {
  const { 'ca-name': primary, 'secondary-ca-name': secondary } = values;
  if (primary !== undefined) return { type: 'x509', x509: { caReferences: { primary, secondary } } };
  return byKey ? { type: 'symmetricKey' } : undefined;
}

function completed<T extends object>(enrollment: T, values: Values): Result<T> {
  const common = commonMembers(values);
  return common.ok ? ok({ ...enrollment, ...common.value }) : common;
}

function deviceIdOf(values: Values): Pick<IndividualEnrollment, 'deviceId'> {
  return values['device-id'] === undefined ? {} : { deviceId: values['device-id'] };
}

function commonMembers(values: Values): Result<Pick<IndividualEnrollment, 'allocationPolicy' | 'iotHubs'>> {
  const asked = values.allocation ?? (values.hub === undefined ? undefined : 'static');
  const allocationPolicy = allocationPolicies.find((known) => known === asked);
  if (asked !== undefined && allocationPolicy === undefined) {
    const wanted = orList(allocationPolicies);
    return failed(cliFault('option-wrong', { option: '--allocation', value: asked, wanted }));
  }
  return ok({
    ...(allocationPolicy === undefined ? {} : { allocationPolicy }),
    ...(values.hub === undefined ? {} : { iotHubs: [values.hub] }),
  });
}

const minKeyText = 100;

/** The TPM2B_PUBLIC: base64 given as such, or a file that holds it in binary or as base64 text. */
async function endorsementKey(given: string): Promise<Result<Uint8Array>> {
  const direct = fromBase64(given);
  if (direct !== undefined && decodePublic(direct).ok) return ok(direct);
  const file = await bytesOf(given);
  if (!file.ok) {
    // an endorsement key has 300 characters of base64 or more: whoever wrote fewer meant a file
    return direct === undefined || given.length < minKeyText
      ? file
      : failed(cliFault('ek-unreadable', { reason: 'no TPM2B_PUBLIC' }));
  }
  const text = fromBase64(Buffer.from(file.value).toString('latin1').replace(/\s+/g, ''));
  for (const bytes of [file.value, ...(text === undefined ? [] : [text])]) {
    if (decodePublic(bytes).ok) return ok(bytes);
  }
  return failed(cliFault('ek-unreadable', { reason: 'the file holds no TPM2B_PUBLIC' }));
}

/** The first certificate of a PEM file, or the one of a DER file. */
export async function certificateIn(file: string): Promise<Result<Certificate>> {
  const bytes = await bytesOf(file);
  if (!bytes.ok) return bytes;
  const [fromPem] = certificatesFromPem(Buffer.from(bytes.value).toString('latin1'));
  const certificate = readCertificate(fromPem ?? bytes.value);
  return certificate.ok ? certificate : failed(cliFault('certificate-unreadable', { file }));
}
