/** From the wire's enrollment to ours and back (dps-wire 7.2). What cannot be carried out is refused, not kept. */
import { createHash } from 'node:crypto';
import { fromBase64 } from '../../lib/base/bytes.ts';
import { isoTime } from '../../lib/base/host.ts';
import { failed, must, ok, type Result } from '../../lib/base/result.ts';
import {
  wireTime,
  type AttestationMechanism,
  type EnrollmentGroup,
  type IndividualEnrollment,
} from '../../lib/dps/wire.ts';
import { certificateInfo, readCertificate } from '../../lib/x509/certificate.ts';
import { certificateFromPemOrBase64, toPem } from '../../lib/x509/pem.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import { keyOf, type Attestation, type Enrollment, type EnrollmentKind, type HeldCertificate } from './records.ts';

export type WireEnrollment = IndividualEnrollment | EnrollmentGroup;

export interface Stamp {
  readonly nowMs: number;
  readonly etag: string;
}

export function enrollmentFromWire(
  kind: EnrollmentKind,
  wire: WireEnrollment,
  stamp: Stamp,
): Result<Enrollment, ServiceFault> {
  const attestation = attestationFromWire(wire.attestation, kind);
  if (!attestation.ok) return attestation;
  const policy = allocationFromWire(wire);
  if (!policy.ok) return policy;
  const id = idOf(kind, wire);
  return ok({
    kind,
    key: keyOf(id),
    id,
    attestation: attestation.value,
    enabled: wire.provisioningStatus !== 'disabled',
    deviceId: deviceIdOf(kind, wire),
    allocationPolicy: policy.value,
    iotHubs: (wire.iotHubs ?? []).map(keyOf),
    iotHubHostName: wire.iotHubHostName ? keyOf(wire.iotHubHostName) : undefined,
    initialTwin: wire.initialTwin ?? undefined,
    iotEdge: wire.capabilities?.iotEdge ?? false,
    reprovision: {
      updateHubAssignment: wire.reprovisionPolicy?.updateHubAssignment ?? true,
      migrateDeviceData: wire.reprovisionPolicy?.migrateDeviceData ?? true,
    },
    extras: extrasOf(wire),
    etag: stamp.etag,
    createdMs: stamp.nowMs,
    updatedMs: stamp.nowMs,
  });
}

export function idOf(kind: EnrollmentKind, wire: WireEnrollment): string {
  const id = wire[kind === 'group' ? 'enrollmentGroupId' : 'registrationId'];
  if (typeof id !== 'string') throw new Error('an enrollment that passed its schema has an id');
  return id;
}

// dps-wire 7.2: a group's devices are called by their registration ids.
function deviceIdOf(kind: EnrollmentKind, wire: WireEnrollment): string | undefined {
  const id = kind === 'group' ? undefined : wire['deviceId'];
  return typeof id === 'string' ? id : undefined;
}

function extrasOf(wire: WireEnrollment): Readonly<Record<string, unknown>> {
  const information = wire['optionalDeviceInformation'];
  return information === undefined || information === null ? {} : { optionalDeviceInformation: information };
}

function allocationFromWire(wire: WireEnrollment): Result<'hashed' | 'static' | undefined, ServiceFault> {
  const policy = wire.allocationPolicy ?? undefined;
  if (policy === undefined || policy === 'hashed' || policy === 'static') return ok(policy);
  if (policy === 'custom' && !wire.customAllocationDefinition) return failed(serviceFault('custom-without-definition'));
  return invalid(`The allocation policy ${policy} is not served here.`);
}

function attestationFromWire(wire: AttestationMechanism, kind: EnrollmentKind): Result<Attestation, ServiceFault> {
  if (wire.type === 'tpm') return tpmFromWire(wire, kind);
  if (wire.type === 'x509') return x509FromWire(wire, kind);
  return invalid(`The attestation type ${wire.type} is not served here.`);
}

function tpmFromWire(wire: AttestationMechanism, kind: EnrollmentKind): Result<Attestation, ServiceFault> {
  // dps-wire 4.3: a TPM is enrolled by itself.
  if (kind === 'group') return invalid('A group cannot attest by TPM.');
  const endorsementKey = wire.tpm?.endorsementKey ?? '';
  const bytes = fromBase64(endorsementKey);
  // A TPM2B_PUBLIC says its own length (dps-wire 4.1).
  if (bytes === undefined || bytes.length < 4 || ((bytes[0] ?? 0) << 8) + (bytes[1] ?? 0) !== bytes.length - 2) {
    return invalid('The endorsement key is not a TPM2B_PUBLIC in base64.');
  }
  return ok({ type: 'tpm', endorsementKey, storageRootKey: wire.tpm?.storageRootKey ?? undefined });
}

function x509FromWire(wire: AttestationMechanism, kind: EnrollmentKind): Result<Attestation, ServiceFault> {
  if (wire.x509?.caReferences) return invalid('References to CA certificates are not served here; give them inline.');
  const [primaryText, secondaryText] = certificateTexts(wire, kind);
  const primary = heldFromWire(primaryText, kind);
  if (!primary.ok) return primary;
  const secondary = heldFromWire(secondaryText, kind);
  if (!secondary.ok) return secondary;
  if (primary.value === undefined && secondary.value === undefined) {
    return invalid(`The ${kind === 'group' ? 'signing' : 'client'} certificate is missing.`);
  }
  return ok({ type: 'x509', primary: primary.value, secondary: secondary.value });
}

function certificateTexts(wire: AttestationMechanism, kind: EnrollmentKind): readonly [string, string] {
  const pair = kind === 'group' ? wire.x509?.signingCertificates : wire.x509?.clientCertificates;
  return [pair?.primary?.certificate ?? '', pair?.secondary?.certificate ?? ''];
}

function heldFromWire(text: string, kind: EnrollmentKind): Result<HeldCertificate | undefined, ServiceFault> {
  if (text === '') return ok(undefined);
  const der = certificateFromPemOrBase64(text);
  if (!der.ok) return failed(invalidBecause(der.fault));
  const read = readCertificate(der.value);
  if (!read.ok) return failed(invalidBecause(read.fault));
  if (kind === 'group' && !read.value.isAuthority) {
    return invalid(`The certificate ${read.value.subject} is not one of a certificate authority.`);
  }
  return ok({ der: der.value, thumbprint: thumbprintOf(der.value) });
}

/** SHA-256 in lower-case hexadecimal: how certificates are compared here. */
export function thumbprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}

export function heldCertificates(attestation: Attestation): readonly HeldCertificate[] {
  if (attestation.type !== 'x509') return [];
  return [attestation.primary, attestation.secondary].filter((held) => held !== undefined);
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}

// ---- and back

export function enrollmentToWire(enrollment: Enrollment): Record<string, unknown> {
  const { kind, id } = enrollment;
  return {
    [kind === 'group' ? 'enrollmentGroupId' : 'registrationId']: id,
    ...present({ deviceId: enrollment.deviceId }),
    attestation: attestationToWire(enrollment, 'hidden'),
    capabilities: { iotEdge: enrollment.iotEdge },
    ...present({ iotHubHostName: enrollment.iotHubHostName, initialTwin: enrollment.initialTwin }),
    ...enrollment.extras,
    etag: `"${enrollment.etag}"`,
    provisioningStatus: enrollment.enabled ? 'enabled' : 'disabled',
    reprovisionPolicy: enrollment.reprovision,
    createdDateTimeUtc: wireTime(isoTime(enrollment.createdMs)),
    lastUpdatedDateTimeUtc: wireTime(isoTime(enrollment.updatedMs)),
    ...present({ allocationPolicy: enrollment.allocationPolicy }),
    ...(enrollment.iotHubs.length === 0 ? {} : { iotHubs: enrollment.iotHubs }),
  };
}

/** Certificates are shown by what they say; `revealed` adds them whole (dps-wire 7.2). */
export function attestationToWire(enrollment: Enrollment, show: 'hidden' | 'revealed'): Record<string, unknown> {
  const { attestation } = enrollment;
  if (attestation.type === 'tpm') {
    const { endorsementKey, storageRootKey } = attestation;
    return { type: 'tpm', tpm: { endorsementKey, ...present({ storageRootKey }) } };
  }
  const shown = (held: HeldCertificate | undefined): unknown =>
    held && {
      ...(show === 'revealed' ? { certificate: toPem('CERTIFICATE', held.der) } : {}),
      // It was read when it was enrolled.
      info: must(certificateInfo(held.der)),
    };
  const pair = present({ primary: shown(attestation.primary), secondary: shown(attestation.secondary) });
  const member = enrollment.kind === 'group' ? 'signingCertificates' : 'clientCertificates';
  return { type: 'x509', x509: { [member]: pair } };
}

function present(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
