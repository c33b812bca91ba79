/** Where hubs are linked and the allocation policy is set: what a cloud's control plane does (dps-wire 8). */
import type { Fault } from '../../lib/base/fault.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { parseConnectionString } from '../../lib/dps/connection-string.ts';
import type { HubDeviceView, LinkedHubRequest, LinkedHubView, ServiceCounts } from '../../lib/dps/control-client.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import type { HubRegistry, Store } from './ports.ts';
import { keyOf, type AllocationDefault, type LinkedHub } from './records.ts';

export interface HubDesk {
  list(): Promise<Result<readonly LinkedHubView[], ServiceFault>>;
  /** The hub is asked first: a link that does not work is not made. */
  link(request: LinkedHubRequest): Promise<Result<LinkedHubView, ServiceFault>>;
  unlink(hostName: string): Promise<Result<void, ServiceFault>>;
  devices(hostName: string): Promise<Result<readonly HubDeviceView[], ServiceFault>>;
  policy(): Promise<Result<AllocationDefault, ServiceFault>>;
  setPolicy(policy: AllocationDefault): Promise<Result<void, ServiceFault>>;
  counts(): Promise<Result<ServiceCounts, ServiceFault>>;
}

// dps-wire 8.4.
const maxLinkedHubs = 50;

export function createHubDesk(parts: { readonly store: Store; readonly hubs: HubRegistry }): HubDesk {
  const { store, hubs } = parts;
  const linked = async (hostName: string): Promise<Result<LinkedHub | undefined, ServiceFault>> => {
    const all = await store.linkedHubs();
    return all.ok ? ok(all.value.find((hub) => hub.hostName === keyOf(hostName))) : all;
  };
  return {
    async list() {
      const all = await store.linkedHubs();
      return all.ok ? ok(all.value.map(viewOf)) : all;
    },
    async link(request) {
      const hub = hubFrom(request);
      if (!hub.ok) return hub;
      const { hostName } = hub.value;
      const all = await store.linkedHubs();
      if (!all.ok) return all;
      const isNew = !all.value.some((one) => one.hostName === hostName);
      if (isNew && all.value.length >= maxLinkedHubs) {
        return failed(serviceFault('invalid', { reason: `At most ${maxLinkedHubs} hubs can be linked.` }));
      }
      const answers = await hubs.check(hub.value);
      if (!answers.ok) {
        return failed(hubRefused(hostName, answers.fault));
      }
      const kept = await store.putLinkedHub(hub.value);
      return kept.ok ? ok(viewOf(hub.value)) : kept;
    },
    async unlink(hostName) {
      const gone = await store.deleteLinkedHub(keyOf(hostName));
      if (!gone.ok) return gone;
      return gone.value ? ok() : failed(serviceFault('not-found', { what: `The linked hub ${hostName}` }));
    },
    async devices(hostName) {
      const hub = await linked(hostName);
      if (!hub.ok) return hub;
      if (hub.value === undefined) return failed(serviceFault('not-found', { what: `The linked hub ${hostName}` }));
      const devices = await hubs.listDevices(hub.value);
      if (devices.ok) return devices;
      return failed(hubRefused(hostName, devices.fault));
    },
    policy: () => store.allocationDefault(),
    setPolicy: (policy) => store.setAllocationDefault(policy),
    async counts() {
      const counts = await store.counts();
      if (!counts.ok) return counts;
      const all = await store.linkedHubs();
      if (!all.ok) return all;
      const { enrollments, groups, registrations } = counts.value;
      return ok({ enrollments, enrollmentGroups: groups, registrations, linkedHubs: all.value.length });
    },
  };
}

export function hubFrom(request: LinkedHubRequest): Result<LinkedHub, ServiceFault> {
  const connection = parseConnectionString(request.connectionString);
  if (!connection.ok) return failed(serviceFault('invalid', { reason: connection.fault.say }));
  return ok({
    hostName: connection.value.host,
    connectionString: request.connectionString,
    allocationWeight: request.allocationWeight ?? 1,
    applyAllocationPolicy: request.applyAllocationPolicy ?? true,
  });
}

/** Only what is said reaches who asked: what helps against a missing root is said too. */
function hubRefused(hub: string, { say, code: cause }: Fault): ServiceFault {
  const help = cause === 'peer-untrusted' ? ' Start the service with --hub-ca-file FILE to trust its CA.' : '';
  return serviceFault('hub-refused', { hub, reason: `${say}${help}`, cause });
}

function viewOf(hub: LinkedHub): LinkedHubView {
  const { hostName, allocationWeight, applyAllocationPolicy } = hub;
  return { hostName, allocationWeight, applyAllocationPolicy };
}
