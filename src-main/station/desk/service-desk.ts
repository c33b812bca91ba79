/** The Service screen's desk: asks the provisioning service, and carries out the steps of the tutorial there. */
import type { z } from 'zod';
import { fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ControlClient, HubDeviceView, LinkedHubView } from '../../lib/dps/control-client.ts';
import type { ServiceClient } from '../../lib/dps/service-client.ts';
import { decodeStorageKey } from '../../lib/tpm/templates.ts';
import { registrationIdFromEk } from '../../lib/tpm/registration-id.ts';
import { readCertificate } from '../../lib/x509/certificate.ts';
import { certificateFromPemOrBase64, toPem } from '../../lib/x509/pem.ts';
import type { CallInput } from '../../contract/calls.ts';
import type { EnrollmentView, HubView, RegistrationView, ServiceView } from '../../contract/views.ts';
import { deskFault } from './faults.ts';

// A screen shows the first of each list with the whole count beside it.
const shownRows = 100;

type Enrollment = z.output<typeof EnrollmentView>;
type Registration = z.output<typeof RegistrationView>;

export interface ServiceDeskTarget {
  readonly host: string;
  readonly idScope: string;
  readonly client: ServiceClient;
  /** Absent for a service with a control plane of its own. */
  readonly control: ControlClient | undefined;
}

export interface ServiceDesk {
  view(): Promise<ServiceView>;
  linkHub(input: { connectionString: string; weight: number }): Promise<Result<ServiceView>>;
  unlinkHub(hostName: string): Promise<Result<ServiceView>>;
  setPolicy(policy: 'hashed' | 'static'): Promise<Result<ServiceView>>;
  enroll(input: CallInput<'service.enroll'>): Promise<Result<ServiceView>>;
}

/** @param target undefined while the service starts */
export function createServiceDesk(target: () => ServiceDeskTarget | undefined): ServiceDesk {
  const view = async (): Promise<ServiceView> => {
    const now = target();
    return now === undefined ? unreached('', '', deskFault('target-starting')) : viewOf(now);
  };
  const controlled = async (
    act: (control: ControlClient) => Promise<Result<unknown>>,
  ): Promise<Result<ServiceView>> => {
    const now = target();
    if (now === undefined) return failed(deskFault('target-starting'));
    if (now.control === undefined) return failed(deskFault('control-elsewhere'));
    const done = await act(now.control);
    return done.ok ? ok(await view()) : done;
  };
  return Object.freeze({
    view,
    linkHub: ({ connectionString, weight }) =>
      controlled((control) => control.linkHub({ connectionString, allocationWeight: weight })),
    unlinkHub: (hostName) => controlled((control) => control.unlinkHub(hostName)),
    setPolicy: (policy) => controlled((control) => control.setAllocationPolicy(policy)),
    enroll: async (input) => {
      const now = target();
      if (now === undefined) return failed(deskFault('target-starting'));
      const enrolled = await enroll(now.client, input);
      return enrolled.ok ? ok(await view()) : enrolled;
    },
  } satisfies ServiceDesk);
}

async function viewOf(target: ServiceDeskTarget): Promise<ServiceView> {
  const { client, control } = target;
  const [individual, groups] = await Promise.all([
    client.enrollments.query({ maxItems: shownRows }),
    client.groups.query({ maxItems: shownRows }),
  ]);
  if (!individual.ok) return unreached(target.host, target.idScope, individual.fault);
  if (!groups.ok) return unreached(target.host, target.idScope, groups.fault);
  const enrollments: Enrollment[] = [
    ...groups.value.items.map((item) => ({ kind: 'group' as const, key: item.enrollmentGroupId, ...shared(item) })),
    ...individual.value.items.map((item) => ({
      kind: 'individual' as const,
      key: item.registrationId,
      ...shared(item),
      ...(typeof item.deviceId === 'string' ? { deviceId: item.deviceId } : {}),
    })),
  ];
  const base = { reachable: true, idScope: target.idScope, host: target.host, enrollments };
  if (control === undefined) {
    const enrollmentCount = enrollments.length;
    return { ...base, hubs: [], registrations: [], enrollmentCount, registrationCount: 0 };
  }
  return { ...base, ...(await controlView(control)) };
}

type ControlPart = Pick<
  ServiceView,
  'allocationPolicy' | 'hubs' | 'registrations' | 'enrollmentCount' | 'registrationCount' | 'fault'
>;

async function controlView(control: ControlClient): Promise<ControlPart> {
  const [counts, policy, hubs, registrations] = await Promise.all([
    control.counts(),
    control.allocationPolicy(),
    control.linkedHubs(),
    control.registrations({ maxItems: shownRows }),
  ]);
  const [broken] = [counts, policy, hubs, registrations].flatMap((part) => (part.ok ? [] : [part.fault]));
  return {
    ...(broken === undefined ? {} : { fault: shown(broken) }),
    ...(policy.ok ? { allocationPolicy: policy.value } : {}),
    hubs: hubs.ok ? await Promise.all(hubs.value.map((hub) => hubView(control, hub))) : [],
    registrations: registrations.ok ? registrations.value.items.map(registrationView) : [],
    enrollmentCount: counts.ok ? counts.value.enrollments + counts.value.enrollmentGroups : 0,
    registrationCount: counts.ok ? counts.value.registrations : 0,
  };
}

async function hubView(control: ControlClient, hub: LinkedHubView): Promise<HubView> {
  const devices = await control.devicesOfHub(hub.hostName);
  const base = { hostName: hub.hostName, weight: hub.allocationWeight, allocates: hub.applyAllocationPolicy };
  if (!devices.ok) return { ...base, deviceCount: 0, devices: [], fault: shown(devices.fault) };
  return { ...base, deviceCount: devices.value.length, devices: devices.value.slice(0, shownRows).map(deviceView) };
}

function deviceView(device: HubDeviceView): HubView['devices'][number] {
  const activeMs = device.lastActivityTime === null ? undefined : parsedTime(device.lastActivityTime);
  return {
    deviceId: device.deviceId,
    connected: device.connectionState === 'Connected',
    authentication: device.authenticationType,
    ...(activeMs === undefined ? {} : { lastActivityMs: activeMs }),
  };
}

interface RegistrationRow {
  readonly registrationId: string;
  readonly status: string;
  readonly assignedHub: string | null;
  readonly deviceId: string | null;
  readonly substatus: string | null;
  readonly errorMessage: string | null;
  readonly lastUpdatedDateTimeUtc: string;
}

function registrationView(row: RegistrationRow): Registration {
  return {
    registrationId: row.registrationId,
    status: row.status,
    updatedMs: parsedTime(row.lastUpdatedDateTimeUtc) ?? 0,
    ...(row.assignedHub === null ? {} : { hub: row.assignedHub }),
    ...(row.deviceId === null ? {} : { deviceId: row.deviceId }),
    ...(row.substatus === null ? {} : { substatus: row.substatus }),
    ...(row.errorMessage === null ? {} : { errorMessage: row.errorMessage }),
  };
}

function shared(item: {
  readonly attestation: { readonly type: string };
  readonly provisioningStatus?: string | null | undefined;
  readonly allocationPolicy?: string | null | undefined;
}) {
  return {
    attestation: item.attestation.type,
    status: item.provisioningStatus ?? 'enabled',
    ...(typeof item.allocationPolicy === 'string' ? { allocationPolicy: item.allocationPolicy } : {}),
  };
}

/** Undefined for the registry's "never", the year 1, and for what is no time. */
function parsedTime(text: string): number | undefined {
  // eslint-disable-next-line no-restricted-globals -- reads a time that a service sent
  const ms = Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

function unreached(host: string, idScope: string, fault: Fault): ServiceView {
  const empty = { hubs: [], enrollments: [], registrations: [], enrollmentCount: 0, registrationCount: 0 };
  return { reachable: false, fault: shown(fault), host, idScope, ...empty };
}

function shown(fault: Fault): { code: string; say: string; hint: string } {
  return { code: fault.code, say: fault.say, hint: fault.hint };
}

async function enroll(client: ServiceClient, input: CallInput<'service.enroll'>): Promise<Result<unknown>> {
  return input.kind === 'tpm' ? enrollTpm(client, input) : enrollCertificate(client, input);
}

async function enrollTpm(client: ServiceClient, input: CallInput<'service.enroll'>): Promise<Result<unknown>> {
  const key = fromBase64(input.material.replace(/\s+/g, ''));
  if (key === undefined || !decodeStorageKey(key).ok) return failed(deskFault('ek-unreadable'));
  const registrationId = input.key ?? registrationIdFromEk(key);
  return client.enrollments.put({
    registrationId,
    ...(input.deviceId === undefined ? {} : { deviceId: input.deviceId }),
    attestation: { type: 'tpm', tpm: { endorsementKey: toBase64(key) } },
  });
}

async function enrollCertificate(client: ServiceClient, input: CallInput<'service.enroll'>): Promise<Result<unknown>> {
  const der = certificateFromPemOrBase64(input.material);
  const read = der.ok ? readCertificate(der.value) : der;
  if (!der.ok || !read.ok) return failed(deskFault('certificate-unreadable'));
  const certificate = { certificate: toPem('CERTIFICATE', der.value) };
  const id = input.key ?? read.value.commonNames[0];
  if (id === undefined) return failed(deskFault('enrollment-key-missing'));
  if (input.kind === 'x509-group') {
    const x509 = { signingCertificates: { primary: certificate } };
    return client.groups.put({ enrollmentGroupId: id, attestation: { type: 'x509', x509 } });
  }
  const x509 = { clientCertificates: { primary: certificate } };
  const deviceId = input.deviceId === undefined ? {} : { deviceId: input.deviceId };
  return client.enrollments.put({ registrationId: id, ...deviceId, attestation: { type: 'x509', x509 } });
}
