/** The changes a hub makes to its devices, each inside a commit that its caller opened. */
import { toBase64 } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import { isoTime } from '../lib/base/host.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import type { DeviceReader, DeviceWriter } from './device-store.ts';
import { isDeviceId, isModelId, parseDeviceRequest, twinEtag, type Device, type DeviceRequest } from './device.ts';
import { hubFault, type HubFault } from './hub-fault.ts';
import { objectMember, type JsonObject } from './json.ts';
import { changeTwin, newTwin, type TwinChange } from './twin.ts';

export type Outcome<T> = Result<T, HubFault>;

/** What others want to know once it is committed. */
export type RegistryEvent =
  | {
      readonly kind: 'desired-changed';
      readonly deviceId: string;
      readonly patch: JsonObject;
      readonly version: number;
    }
  /** Removed, disabled, or given other credentials: a connection made before may not go on. */
  | { readonly kind: 'access-changed'; readonly deviceId: string };

export interface ChangeScope {
  readonly devices: DeviceWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: RegistryEvent[];
}

export interface TwinRequest {
  readonly body: JsonObject;
  readonly how: 'merge' | 'replace';
  readonly ifMatch: string | undefined;
}

export function findDevice(devices: DeviceReader, deviceId: string): Outcome<Device> {
  const device = devices.get(deviceId);
  return device === undefined ? failed(hubFault('DeviceNotFound', { deviceId })) : ok(device);
}

export function createDevice(scope: ChangeScope, deviceId: string, body: JsonObject): Outcome<Device> {
  if (!isDeviceId(deviceId)) {
    return failed(hubFault('ArgumentInvalid', { reason: 'the device id is too long or holds other signs' }));
  }
  if (scope.devices.get(deviceId) !== undefined) return failed(hubFault('DeviceAlreadyExists', { deviceId }));
  const request = parseDeviceRequest(body, undefined, scope.random);
  if (!request.ok) return request;
  return ok(saved(scope, blank(scope, deviceId, request.value), request.value));
}

export function updateDevice(
  scope: ChangeScope,
  deviceId: string,
  body: JsonObject,
  ifMatch: string | undefined,
): Outcome<Device> {
  const before = findMatching(scope, deviceId, ifMatch);
  if (!before.ok) return before;
  const request = parseDeviceRequest(body, before.value.authentication, scope.random);
  if (!request.ok) return request;
  const after = saved(scope, before.value, request.value);
  if (!sameAccess(before.value, after)) scope.events.push({ kind: 'access-changed', deviceId });
  return ok(after);
}

export function removeDevice(scope: ChangeScope, deviceId: string, ifMatch: string | undefined): Outcome<void> {
  const before = findMatching(scope, deviceId, ifMatch);
  if (!before.ok) return before;
  scope.devices.remove(deviceId);
  scope.events.push({ kind: 'access-changed', deviceId });
  return ok();
}

/** A service's change of tags and desired properties. */
export function changeServiceTwin(scope: ChangeScope, deviceId: string, request: TwinRequest): Outcome<Device> {
  const before = findDevice(scope.devices, deviceId);
  if (!before.ok) return before;
  if (!etagMatches(twinEtag(before.value.twin), request.ifMatch)) {
    return failed(hubFault('PreconditionFailed', { deviceId }));
  }
  const changes = serviceChanges(request);
  const after = withTwinChanges(scope, before.value, changes);
  const desired = changes.find((change) => change.part === 'desired');
  if (after.ok && desired !== undefined) {
    const version = after.value.twin.desired.version;
    scope.events.push({ kind: 'desired-changed', deviceId, patch: desired.values, version });
  }
  return after;
}

/** A device's own patch of its reported properties. */
export function reportProperties(scope: ChangeScope, deviceId: string, patch: JsonObject): Outcome<Device> {
  const before = findDevice(scope.devices, deviceId);
  if (!before.ok) return before;
  return withTwinChanges(scope, before.value, [{ part: 'reported', values: patch, how: 'merge' }]);
}

/** What the device says it is; what is no model is passed over, as it decides nothing. */
export function noteModel(scope: ChangeScope, deviceId: string, modelId: string): Outcome<Device> {
  const before = findDevice(scope.devices, deviceId);
  if (!before.ok || before.value.modelId === modelId || !isModelId(modelId)) return before;
  scope.devices.noteModel(deviceId, modelId);
  return ok({ ...before.value, modelId });
}

function findMatching(scope: ChangeScope, deviceId: string, ifMatch: string | undefined): Outcome<Device> {
  const device = findDevice(scope.devices, deviceId);
  if (!device.ok || etagMatches(device.value.etag, ifMatch)) return device;
  return failed(hubFault('PreconditionFailed', { deviceId }));
}

function withTwinChanges(scope: ChangeScope, device: Device, changes: readonly TwinChange[]): Outcome<Device> {
  const twin = changeTwin(device.twin, changes, isoTime(scope.clock.nowMs()));
  if (!twin.ok) return twin;
  const after = { ...device, twin: twin.value };
  scope.devices.put(after);
  return ok(after);
}

function saved(scope: ChangeScope, device: Device, request: DeviceRequest): Device {
  const statusUpdatedMs = device.status === request.status ? device.statusUpdatedMs : scope.clock.nowMs();
  const written = { ...device, ...request, statusUpdatedMs, etag: toBase64(scope.random.bytes(8)) };
  scope.devices.put(written);
  return written;
}

function blank(scope: ChangeScope, deviceId: string, request: DeviceRequest): Device {
  const nowMs = scope.clock.nowMs();
  return {
    ...request,
    deviceId,
    // digits, as Azure's: tells a device from an earlier one of the same id
    generationId: `${nowMs}${String(Math.floor(scope.random.fraction() * 100_000)).padStart(5, '0')}`,
    etag: '',
    statusUpdatedMs: undefined,
    connectionUpdatedMs: undefined,
    lastActivityMs: undefined,
    twin: newTwin(isoTime(nowMs)),
    modelId: '',
  };
}

/** A PUT replaces the parts it names and leaves the others alone, as IoT Hub does. */
function serviceChanges({ body, how }: TwinRequest): readonly TwinChange[] {
  const tags = objectMember(body, 'tags');
  const desired = objectMember(objectMember(body, 'properties') ?? {}, 'desired');
  return [
    ...(tags === undefined ? [] : [{ part: 'tags' as const, values: tags, how }]),
    ...(desired === undefined ? [] : [{ part: 'desired' as const, values: desired, how }]),
  ];
}

function sameAccess(before: Device, after: Device): boolean {
  const access = (device: Device): string => JSON.stringify([device.status, device.authentication]);
  return access(before) === access(after);
}

/** RFC 9110 section 13.1.1, and as the SDKs send it: quoted or not, and a quoted star is a star. */
export function etagMatches(etag: string, ifMatch: string | undefined): boolean {
  if (ifMatch === undefined) return true;
  const wanted = ifMatch
    .trim()
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1');
  return wanted === '*' || wanted === etag;
}
