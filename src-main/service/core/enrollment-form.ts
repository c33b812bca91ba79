/** From the wire's enrollment to ours and back (dps-wire 7.2). What cannot be carried out is refused, not kept. */
import { isoTime } from '../../lib/base/host.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { unfitAsTwin, withoutSystem } from '../../lib/dps/twin-limits.ts';
import { wireTime, type EnrollmentGroup, type IndividualEnrollment, type InitialTwin } from '../../lib/dps/wire.ts';
import { attestationFromWire, attestationToWire, present } from './attestation-form.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import { keyOf, type Enrollment, type EnrollmentKind, type KeySlot } from './records.ts';

export type WireEnrollment = IndividualEnrollment | EnrollmentGroup;

export interface Stamp {
  readonly nowMs: number;
  readonly etag: string;
  /** In base64. */
  readonly freshKey: () => string;
}

export interface FormedEnrollment {
  readonly enrollment: Enrollment;
  /** See `EnrollmentChange`. */
  readonly keeps: readonly KeySlot[];
}

export function enrollmentFromWire(
  kind: EnrollmentKind,
  wire: WireEnrollment,
  stamp: Stamp,
): Result<FormedEnrollment, ServiceFault> {
  const formed = attestationFromWire(wire.attestation, kind, stamp.freshKey);
  if (!formed.ok) return formed;
  const { attestation, keeps } = formed.value;
  const policy = allocationFromWire(wire);
  if (!policy.ok) return policy;
  const twin = twinFromWire(wire);
  if (!twin.ok) return twin;
  const id = idOf(kind, wire);
  const enrollment = {
    kind,
    key: keyOf(id),
    id,
    attestation,
    enabled: wire.provisioningStatus !== 'disabled',
    deviceId: deviceIdOf(kind, wire),
    allocationPolicy: policy.value,
    iotHubs: (wire.iotHubs ?? []).map(keyOf),
    iotHubHostName: wire.iotHubHostName ? keyOf(wire.iotHubHostName) : undefined,
    initialTwin: twin.value,
    iotEdge: wire.capabilities?.iotEdge ?? false,
    reprovision: {
      updateHubAssignment: wire.reprovisionPolicy?.updateHubAssignment ?? true,
      migrateDeviceData: wire.reprovisionPolicy?.migrateDeviceData ?? true,
    },
    extras: extrasOf(wire),
    etag: stamp.etag,
    createdMs: stamp.nowMs,
    updatedMs: stamp.nowMs,
  };
  return ok({ enrollment, keeps });
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

/** One that no hub takes would fail every registration under it. The hub's own `$` members are left out of it there. */
function twinFromWire({ initialTwin }: WireEnrollment): Result<InitialTwin | undefined, ServiceFault> {
  const { tags, properties } = initialTwin ?? {};
  for (const [part, values] of [
    ['tags', tags],
    ['desired', properties?.desired],
  ] as const) {
    const complaint = unfitAsTwin(part, withoutSystem(values ?? {}));
    if (complaint !== undefined) return invalid(`The initial twin cannot be kept by a hub: in ${part}, ${complaint}.`);
  }
  return ok(initialTwin ?? undefined);
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}

// ---- and back

/** The answer to a PUT shows the keys, which it may have made; nothing else does (dps-wire 7.2). */
export function enrollmentToWire(enrollment: Enrollment, keys: 'hidden' | 'shown'): Record<string, unknown> {
  const { kind, id } = enrollment;
  const hasKeys = enrollment.attestation.type === 'symmetricKey';
  return {
    [kind === 'group' ? 'enrollmentGroupId' : 'registrationId']: id,
    ...present({ deviceId: enrollment.deviceId }),
    attestation: attestationToWire(enrollment, hasKeys && keys === 'shown' ? 'revealed' : 'hidden'),
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
