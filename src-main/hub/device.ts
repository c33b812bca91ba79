/** A device identity as a hub keeps and shows it (dps-wire section 10.1). */
import { fromBase64, fromHex, toBase64 } from '../lib/base/bytes.ts';
import { isoTime } from '../lib/base/host.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { hubFault, type HubFault } from './hub-fault.ts';
import { isObject, member, objectMember, textMember, type JsonObject } from './json.ts';
import { serviceView, type Twin } from './twin.ts';

export type Authentication =
  | { readonly type: 'sas'; readonly primaryKey: string; readonly secondaryKey: string }
  | { readonly type: 'selfSigned'; readonly primaryThumbprint: string; readonly secondaryThumbprint: string }
  | { readonly type: 'certificateAuthority' }
  | { readonly type: 'none' };

export interface Device {
  readonly deviceId: string;
  readonly generationId: string;
  readonly etag: string;
  readonly status: 'enabled' | 'disabled';
  readonly statusReason: string | null;
  readonly statusUpdatedMs: number | undefined;
  readonly connectionUpdatedMs: number | undefined;
  readonly lastActivityMs: number | undefined;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
  readonly twin: Twin;
  /** What the device said it is when it connected last (a DTMI); empty until it says so. */
  readonly modelId: string;
}

/** What a caller may set. */
export interface DeviceRequest {
  readonly status: 'enabled' | 'disabled';
  readonly statusReason: string | null;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
}

// Azure writes this where nothing has happened yet; SDKs parse it as a date.
const never = '0001-01-01T00:00:00Z';
const newKeyBytes = 32; // what IoT Hub makes
const maxReasonLength = 128; // IoT Hub's limit

/** dps-wire section 0.1: case-sensitive, 7-bit, at most 128 characters. */
export function isDeviceId(text: string): boolean {
  return /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/.test(text);
}

/** A DTMI as its specification has it, within IoT Hub's 128 characters. */
export function isModelId(text: string): boolean {
  return (
    text.length <= 128 &&
    /^dtmi:[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*;[1-9]\d{0,8}(?:\.\d{1,6})?$/.test(text)
  );
}

export function parseDeviceRequest(
  body: JsonObject,
  before: Authentication | undefined,
  random: Random,
): Result<DeviceRequest, HubFault> {
  const status = textMember(body, 'status') ?? 'enabled';
  if (status !== 'enabled' && status !== 'disabled') return refused('status is neither enabled nor disabled');
  const statusReason = textMember(body, 'statusReason') ?? null;
  if (statusReason !== null && statusReason.length > maxReasonLength) return refused('statusReason is too long');
  const authentication = parseAuthentication(objectMember(body, 'authentication') ?? {}, before, random);
  if (!authentication.ok) return authentication;
  const capabilities = member(body, 'capabilities');
  const iotEdge = isObject(capabilities) && member(capabilities, 'iotEdge') === true;
  return ok({ status, statusReason, authentication: authentication.value, iotEdge });
}

function parseAuthentication(
  body: JsonObject,
  before: Authentication | undefined,
  random: Random,
): Result<Authentication, HubFault> {
  const thumbprints = objectMember(body, 'x509Thumbprint') ?? {};
  const hasThumbprint = ['primaryThumbprint', 'secondaryThumbprint'].some((key) => textMember(thumbprints, key));
  const type = textMember(body, 'type') ?? (hasThumbprint ? 'selfSigned' : 'sas');
  switch (type) {
    case 'sas':
      return parseKeys(objectMember(body, 'symmetricKey') ?? {}, before, random);
    case 'selfSigned':
      return parseThumbprints(thumbprints);
    case 'certificateAuthority':
    case 'none':
      return ok({ type });
    default:
      return refused('authentication.type is not one this hub knows');
  }
}

/** A key that is left out stays as it was; a device that had none gets a new one. */
function parseKeys(
  body: JsonObject,
  before: Authentication | undefined,
  random: Random,
): Result<Authentication, HubFault> {
  const kept = before?.type === 'sas' ? before : undefined;
  const fresh = (): string => toBase64(random.bytes(newKeyBytes));
  const given = (name: 'primaryKey' | 'secondaryKey'): string | undefined => {
    const text = textMember(body, name);
    return text === '' ? undefined : text; // the Node SDK leaves a key out by an empty text
  };
  const primaryKey = given('primaryKey') ?? kept?.primaryKey ?? fresh();
  const secondaryKey = given('secondaryKey') ?? kept?.secondaryKey ?? fresh();
  if (!isKey(primaryKey) || !isKey(secondaryKey)) return refused('a key is not base64 of 16 to 64 bytes');
  return ok({ type: 'sas', primaryKey, secondaryKey });
}

function isKey(text: string): boolean {
  const bytes = fromBase64(text);
  return bytes !== undefined && bytes.length >= 16 && bytes.length <= 64;
}

function parseThumbprints(body: JsonObject): Result<Authentication, HubFault> {
  const primary = (textMember(body, 'primaryThumbprint') ?? '').toUpperCase();
  const secondary = (textMember(body, 'secondaryThumbprint') ?? '').toUpperCase();
  if (primary === '' && secondary === '') return refused('a thumbprint is missing');
  const fit = [primary, secondary].every((text) => text === '' || isThumbprint(text));
  if (!fit) return refused('a thumbprint is neither SHA-1 nor SHA-256 in hexadecimal');
  return ok({ type: 'selfSigned', primaryThumbprint: primary, secondaryThumbprint: secondary });
}

function isThumbprint(text: string): boolean {
  const length = fromHex(text)?.length;
  return length === 20 || length === 32;
}

function refused(reason: string): Result<never, HubFault> {
  return failed(hubFault('ArgumentInvalid', { reason }));
}

export interface DevicePresence {
  readonly connected: boolean;
  readonly lastActivityMs: number | undefined;
}

/** What a hub knows of a device beside its record. */
export interface DeviceStanding extends DevicePresence {
  /** Messages that wait for it. */
  readonly waiting: number;
}

export function identityView(device: Device, standing: DeviceStanding): JsonObject {
  return {
    deviceId: device.deviceId,
    generationId: device.generationId,
    etag: device.etag,
    connectionState: standing.connected ? 'Connected' : 'Disconnected',
    status: device.status,
    statusReason: device.statusReason,
    connectionStateUpdatedTime: timeOrNever(device.connectionUpdatedMs),
    statusUpdatedTime: timeOrNever(device.statusUpdatedMs),
    lastActivityTime: timeOrNever(standing.lastActivityMs ?? device.lastActivityMs),
    cloudToDeviceMessageCount: standing.waiting,
    authentication: authenticationView(device.authentication),
    capabilities: { iotEdge: device.iotEdge },
  };
}

function authenticationView(authentication: Authentication): JsonObject {
  const sas = authentication.type === 'sas' ? authentication : undefined;
  return {
    symmetricKey: { primaryKey: sas?.primaryKey ?? null, secondaryKey: sas?.secondaryKey ?? null },
    x509Thumbprint: thumbprintView(authentication),
    type: authentication.type,
  };
}

function thumbprintView(authentication: Authentication): JsonObject {
  const pair = authentication.type === 'selfSigned' ? authentication : undefined;
  return {
    primaryThumbprint: pair?.primaryThumbprint ?? null,
    secondaryThumbprint: pair?.secondaryThumbprint ?? null,
  };
}

export function twinView(device: Device, standing: DeviceStanding): JsonObject {
  return {
    deviceId: device.deviceId,
    etag: twinEtag(device.twin),
    deviceEtag: device.etag,
    status: device.status,
    statusUpdateTime: timeOrNever(device.statusUpdatedMs),
    connectionState: standing.connected ? 'Connected' : 'Disconnected',
    lastActivityTime: timeOrNever(standing.lastActivityMs ?? device.lastActivityMs),
    cloudToDeviceMessageCount: standing.waiting,
    authenticationType: device.authentication.type,
    x509Thumbprint: thumbprintView(device.authentication),
    modelId: device.modelId,
    version: device.twin.version,
    tags: device.twin.tags,
    properties: { desired: serviceView(device.twin.desired), reported: serviceView(device.twin.reported) },
    capabilities: { iotEdge: device.iotEdge },
  };
}

/** Base64 of an eight-byte counter, the shape of Azure's. */
export function twinEtag(twin: Twin): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(twin.version));
  return toBase64(bytes);
}

function timeOrNever(ms: number | undefined): string {
  return ms === undefined ? never : isoTime(ms);
}
