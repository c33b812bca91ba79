/** The core's HubRegistry over REST (dps-wire 10.1). */
import { z } from 'zod';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { parseConnectionString } from '../../lib/dps/connection-string.ts';
import type { HubDeviceView } from '../../lib/dps/control-client.ts';
import { createSignedCaller, parsed, type SignedCaller } from '../../lib/dps/service-client.ts';
import { withoutSystem } from '../../lib/dps/twin-limits.ts';
import type { InitialTwin } from '../../lib/dps/wire.ts';
import type { HubDevice, HubRegistry } from '../core/ports.ts';
import type { LinkedHub } from '../core/records.ts';
import { createDeviceBatches } from './device-batches.ts';

export interface HubClientParts {
  readonly clock: Clock;
  readonly random: Random;
  /** PEM: whom to trust as a hub. */
  readonly caPem: string;
}

const apiVersion = 'api-version=2021-04-12';
// A hub that takes longer is not well; the registration is tried again.
const hubTimeoutMs = 15_000;
// What a screen shows of one hub; a hub's own list ends there too.
const maxListed = 1_000;
// dps-wire 8.4: at most 50 linked hubs; older callers are closed.
const maxCallers = 64;

const deviceReply = z.looseObject({
  deviceId: z.string(),
  etag: z.string().nullish(),
  status: z.string().nullish(),
  connectionState: z.string().nullish(),
  lastActivityTime: z.string().nullish(),
  authentication: z.looseObject({ type: z.string().nullish() }).nullish(),
});

const anyObject = z.record(z.string(), z.unknown());
const twinReply = z.looseObject({
  tags: anyObject.nullish(),
  properties: z.looseObject({ desired: anyObject.nullish() }).nullish(),
});

const bulkReply = z.looseObject({
  isSuccessful: z.boolean(),
  errors: z.array(z.looseObject({ deviceId: z.string().nullish() })).nullish(),
});

type HubCaller = SignedCaller & { readonly put: (device: HubDevice) => Promise<Result<void>> };

export function createHubRegistryClient(parts: HubClientParts): HubRegistry {
  // By connection string: a hub that is linked anew with another key gets another caller.
  const callers = new Map<string, HubCaller>();
  const callerOf = (hub: LinkedHub): Result<HubCaller> => {
    const known = callers.get(hub.connectionString);
    if (known !== undefined) return ok(known);
    const connection = parseConnectionString(hub.connectionString);
    if (!connection.ok) return connection;
    const signed = createSignedCaller(
      { connection: connection.value, caPem: parts.caPem, name: `the hub ${hub.hostName}` },
      { clock: parts.clock, random: parts.random, timeoutMs: hubTimeoutMs },
    );
    const caller = { ...signed, put: batchesOver(signed) };
    const [oldest] = callers;
    if (callers.size >= maxCallers && oldest !== undefined) {
      oldest[1].close();
      callers.delete(oldest[0]);
    }
    callers.set(hub.connectionString, caller);
    return ok(caller);
  };
  const at = async <T>(hub: LinkedHub, work: (caller: HubCaller) => Promise<Result<T>>): Promise<Result<T>> => {
    const caller = callerOf(hub);
    return caller.ok ? work(caller.value) : caller;
  };
  return {
    check: (hub) => at(hub, check),
    putDevice: (hub, device) => at(hub, (caller) => caller.put(device)),
    readTwin: (hub, deviceId) => at(hub, (caller) => readTwin(caller, deviceId)),
    writeTwin: (hub, deviceId, twin) => at(hub, (caller) => writeTwin(caller, deviceId, twin)),
    removeDevice: (hub, deviceId) => at(hub, (caller) => removeDevice(caller, deviceId)),
    listDevices: (hub) => at(hub, listDevices),
    close() {
      for (const caller of callers.values()) caller.close();
      callers.clear();
    },
  };
}

function devicePath(deviceId: string): string {
  return `/devices/${encodeURIComponent(deviceId)}?${apiVersion}`;
}

function twinPath(deviceId: string): string {
  return `/twins/${encodeURIComponent(deviceId)}?${apiVersion}`;
}

// Rule of dps-wire 10.1: a forced update or removal is a quoted star.
const whatever = { 'if-match': '"*"' };

async function check(caller: SignedCaller): Promise<Result<void>> {
  const reply = await caller.call({ method: 'GET', path: `/statistics/devices?${apiVersion}` });
  return reply.ok ? ok() : reply;
}

function batchesOver(caller: SignedCaller): HubCaller['put'] {
  return createDeviceBatches({
    one: (device) => putDevice(caller, device),
    many: (devices) => putDevices(caller, devices),
  });
}

/** Each made to be like this, whether it is there or not. */
async function putDevices(caller: SignedCaller, devices: readonly HubDevice[]): Promise<Result<ReadonlySet<string>>> {
  const json = devices.map((device) => {
    const { deviceId, ...rest } = identityOf(device);
    return { id: deviceId, importMode: 'createOrUpdate', ...rest };
  });
  const reply = await caller.call({ method: 'POST', path: `/devices?${apiVersion}`, json });
  if (!reply.ok) return reply;
  const result = parsed(caller, bulkReply, reply.value.json);
  if (!result.ok) return result;
  const { isSuccessful, errors } = result.value;
  if (isSuccessful) return ok(new Set());
  const asked = new Set(devices.map((device) => device.deviceId));
  const named = (errors ?? []).map((error) => error.deviceId ?? '');
  // A failure that names none of these devices leaves all in doubt: each is written by itself.
  const isEachNamed = named.length > 0 && named.every((deviceId) => asked.has(deviceId));
  return ok(isEachNamed ? new Set(named) : asked);
}

/** Created, or, where it is there already (or may be, after a lost reply), made to be like this. */
async function putDevice(caller: SignedCaller, device: HubDevice): Promise<Result<void>> {
  const json = identityOf(device);
  const path = devicePath(device.deviceId);
  const created = await caller.call({ method: 'PUT', path, json });
  if (created.ok || created.fault.code !== 'conflict') return created.ok ? ok() : created;
  const updated = await caller.call({ method: 'PUT', path, json, headers: whatever });
  return updated.ok ? ok() : updated;
}

function identityOf(device: HubDevice): { readonly deviceId: string } & Record<string, unknown> {
  const { authentication } = device;
  const shown =
    authentication.type === 'sas'
      ? { symmetricKey: { primaryKey: authentication.primaryKey, secondaryKey: authentication.secondaryKey } }
      : {
          x509Thumbprint: {
            primaryThumbprint: authentication.primaryThumbprint,
            secondaryThumbprint: authentication.secondaryThumbprint,
          },
        };
  return {
    deviceId: device.deviceId,
    status: 'enabled',
    authentication: { type: authentication.type, ...shown },
    capabilities: { iotEdge: device.iotEdge },
  };
}

async function readTwin(caller: SignedCaller, deviceId: string): Promise<Result<InitialTwin | undefined>> {
  const reply = await caller.call({ method: 'GET', path: twinPath(deviceId) });
  if (!reply.ok) return reply.fault.code === 'not-found' ? ok(undefined) : reply;
  const twin = parsed(caller, twinReply, reply.value.json);
  if (!twin.ok) return twin;
  const desired = withoutSystem(twin.value.properties?.desired ?? {});
  return ok({ tags: withoutSystem(twin.value.tags ?? {}), properties: { desired } });
}

async function writeTwin(caller: SignedCaller, deviceId: string, twin: InitialTwin): Promise<Result<void>> {
  const tags = withoutSystem(twin.tags ?? {});
  const desired = withoutSystem(twin.properties?.desired ?? {});
  if (Object.keys(tags).length + Object.keys(desired).length === 0) return ok();
  const json = { tags, properties: { desired } };
  const reply = await caller.call({ method: 'PATCH', path: twinPath(deviceId), json, headers: whatever });
  return reply.ok ? ok() : reply;
}

async function removeDevice(caller: SignedCaller, deviceId: string): Promise<Result<void>> {
  const reply = await caller.call({ method: 'DELETE', path: devicePath(deviceId), headers: whatever });
  return reply.ok || reply.fault.code === 'not-found' ? ok() : failed(reply.fault);
}

async function listDevices(caller: SignedCaller): Promise<Result<readonly HubDeviceView[]>> {
  const reply = await caller.call({ method: 'GET', path: `/devices?top=${maxListed}&${apiVersion}` });
  if (!reply.ok) return reply;
  const devices = parsed(caller, deviceReply.array(), reply.value.json);
  if (!devices.ok) return devices;
  return ok(
    devices.value.map((device) => ({
      deviceId: device.deviceId,
      authenticationType: device.authentication?.type ?? 'none',
      status: device.status ?? 'enabled',
      connectionState: device.connectionState ?? 'Disconnected',
      lastActivityTime: device.lastActivityTime ?? null,
    })),
  );
}
