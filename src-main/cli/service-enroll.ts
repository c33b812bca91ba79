/** Enrollments made by hand from a file: a TPM's endorsement key, a device's certificate, a group's CA. */
import { fromBase64, toBase64 } from '../lib/base/bytes.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { allocationPolicies, type EnrollmentGroup, type IndividualEnrollment } from '../lib/dps/wire.ts';
import { decodePublic } from '../lib/tpm/public-area.ts';
import { registrationIdFromEk } from '../lib/tpm/registration-id.ts';
import { readCertificate, type Certificate } from '../lib/x509/certificate.ts';
import { certificatesFromPem, certificatesToPem } from '../lib/x509/pem.ts';
import type { CallOption } from './service-options.ts';
import { bytesOf } from './service-target.ts';
import { cliFault } from './verb.ts';

type Values = Readonly<Partial<Record<CallOption, string>>>;

export async function tpmEnrollment(values: Values): Promise<Result<IndividualEnrollment>> {
  const ek = await endorsementKey(values['tpm-ek'] ?? '');
  if (!ek.ok) return ek;
  const registrationId = values['registration-id'] ?? registrationIdFromEk(ek.value);
  const attestation = { type: 'tpm' as const, tpm: { endorsementKey: toBase64(ek.value) } };
  const common = commonMembers(values);
  return common.ok ? ok({ registrationId, attestation, ...deviceIdOf(values), ...common.value }) : common;
}

export async function certificateEnrollment(values: Values): Promise<Result<IndividualEnrollment>> {
  if (values.certificate === undefined) {
    return failed(cliFault('option-missing', { option: '--tpm-ek or --certificate' }));
  }
  const certificate = await certificateIn(values.certificate);
  if (!certificate.ok) return certificate;
  const registrationId = values['registration-id'] ?? certificate.value.commonNames[0];
  if (registrationId === undefined) return failed(cliFault('option-missing', { option: '--registration-id' }));
  const primary = { certificate: certificatesToPem([certificate.value.der]) };
  const attestation = { type: 'x509' as const, x509: { clientCertificates: { primary } } };
  const common = commonMembers(values);
  return common.ok ? ok({ registrationId, attestation, ...deviceIdOf(values), ...common.value }) : common;
}

export async function groupEnrollment(values: Values): Promise<Result<EnrollmentGroup>> {
  if (values.id === undefined) return failed(cliFault('option-missing', { option: '--id' }));
  if (values.certificate === undefined) return failed(cliFault('option-missing', { option: '--certificate' }));
  const certificate = await certificateIn(values.certificate);
  if (!certificate.ok) return certificate;
  const primary = { certificate: certificatesToPem([certificate.value.der]) };
  const attestation = { type: 'x509' as const, x509: { signingCertificates: { primary } } };
  const common = commonMembers(values);
  return common.ok ? ok({ enrollmentGroupId: values.id, attestation, ...common.value }) : common;
}

function deviceIdOf(values: Values): Pick<IndividualEnrollment, 'deviceId'> {
  return values['device-id'] === undefined ? {} : { deviceId: values['device-id'] };
}

function commonMembers(values: Values): Result<Pick<IndividualEnrollment, 'allocationPolicy' | 'iotHubs'>> {
  const asked = values.allocation ?? (values.hub === undefined ? undefined : 'static');
  const allocationPolicy = allocationPolicies.find((known) => known === asked);
  if (asked !== undefined && allocationPolicy === undefined) {
    const wanted = allocationPolicies.join(', ');
    return failed(cliFault('option-wrong', { option: '--allocation', value: asked, wanted }));
  }
  return ok({
    ...(allocationPolicy === undefined ? {} : { allocationPolicy }),
    ...(values.hub === undefined ? {} : { iotHubs: [values.hub] }),
  });
}

/** The TPM2B_PUBLIC: base64 given as such, or a file that holds it in binary or as base64 text. */
async function endorsementKey(given: string): Promise<Result<Uint8Array>> {
  const direct = fromBase64(given);
  if (direct !== undefined && decodePublic(direct).ok) return ok(direct);
  const file = await bytesOf(given);
  // base64 may hold a slash: what is no key and no file is more likely a wrong key when it is long
  if (!file.ok) return direct === undefined ? file : failed(cliFault('ek-unreadable', { reason: 'no TPM2B_PUBLIC' }));
  const text = fromBase64(Buffer.from(file.value).toString('latin1').replace(/\s+/g, ''));
  for (const bytes of [file.value, ...(text === undefined ? [] : [text])]) {
    if (decodePublic(bytes).ok) return ok(bytes);
  }
  return failed(cliFault('ek-unreadable', { reason: 'the file holds no TPM2B_PUBLIC' }));
}

/** The first certificate of a PEM file, or the one of a DER file. */
async function certificateIn(file: string): Promise<Result<Certificate>> {
  const bytes = await bytesOf(file);
  if (!bytes.ok) return bytes;
  const [fromPem] = certificatesFromPem(Buffer.from(bytes.value).toString('latin1'));
  const certificate = readCertificate(fromPem ?? bytes.value);
  return certificate.ok ? certificate : failed(cliFault('certificate-unreadable', { file }));
}
