/** The hub's registry REST (dps-wire section 10.1), from a request to a reply; knows no socket. */
import { fromUtf8 } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import { isoTime } from '../lib/base/host.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { WebReply, WebRequest } from '../lib/listen/https-server.ts';
import type { HubAccess } from './access.ts';
import { maxBulkDevices } from './bulk.ts';
import type { Outcome } from './device-changes.ts';
import type { DeviceMessages } from './device-messages.ts';
import { identityView, twinEtag, twinView, type Device } from './device.ts';
import { httpStatus, hubFault, type HubFault, type HubFaultCode } from './hub-fault.ts';
import { isObject, parseJson, textMember, type Json, type JsonObject } from './json.ts';
import type { Presence } from './presence.ts';
import type { Registry } from './registry.ts';

export interface ApiParts {
  readonly access: HubAccess;
  readonly registry: Registry;
  readonly presence: Presence;
  readonly messages: DeviceMessages;
  readonly clock: Clock;
  readonly random: Random;
}

interface Answer {
  readonly json?: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

type Handler = (parts: ApiParts, request: WebRequest, id: string) => Outcome<Answer>;

const defaultPage = 100;
const maxPage = 1_000; // IoT Hub's limit for a list and for a page of a query

const routes: readonly (readonly [method: string, path: RegExp, handler: Handler])[] = [
  ['GET', /^\/devices$/i, listDevices],
  ['POST', /^\/devices$/i, bulkDevices],
  ['POST', /^\/devices\/query$/i, queryTwins],
  ['GET', /^\/devices\/([^/]+)$/i, getDevice],
  ['PUT', /^\/devices\/([^/]+)$/i, putDevice],
  ['DELETE', /^\/devices\/([^/]+)$/i, deleteDevice],
  ['GET', /^\/twins\/([^/]+)$/i, getTwin],
  ['PATCH', /^\/twins\/([^/]+)$/i, changeTwin],
  ['PUT', /^\/twins\/([^/]+)$/i, changeTwin],
  ['GET', /^\/statistics\/devices$/i, deviceStatistics],
  ['GET', /^\/statistics\/service$/i, serviceStatistics],
  ['GET', /^\/benchline\/v1\/devices\/([^/]+)\/messages$/i, deviceMessages],
];

export function answerRegistry(parts: ApiParts, request: WebRequest): WebReply {
  const reply = parts.access.serviceAllowed(request.header('authorization'))
    ? routed(parts, request)
    : failed(hubFault('IotHubUnauthorizedAccess'));
  return reply.ok ? answerOf(reply.value) : faultOf(parts, reply.fault);
}

function routed(parts: ApiParts, request: WebRequest): Outcome<Answer> {
  // the SDKs ask with and without a slash at the end
  const path = request.path.replace(/\/+$/, '');
  for (const [method, pattern, handler] of routes) {
    const match = method === request.method ? pattern.exec(path) : null;
    if (match === null) continue;
    const id = decodedOnce(match[1] ?? '');
    return id === undefined ? invalid('the address is not well encoded') : handler(parts, request, id);
  }
  return failed(hubFault('ResourceNotFound'));
}

function listDevices(parts: ApiParts, request: WebRequest): Outcome<Answer> {
  const top = pageSize(request.query.get('top') ?? undefined, maxPage);
  if (!top.ok) return top;
  const devices = parts.registry.list(top.value);
  if (!devices.ok) return devices;
  return ok({ json: devices.value.map((device) => identityView(device, parts.presence.of(device.deviceId))) });
}

function bulkDevices(parts: ApiParts, request: WebRequest): Outcome<Answer> {
  const items = jsonBody(request);
  if (!Array.isArray(items) || items.length === 0) return invalid('the body is not a list of devices');
  if (items.length > maxBulkDevices) return invalid(`one call takes at most ${maxBulkDevices} devices`);
  const result = parts.registry.bulk(items as readonly Json[]);
  return result.ok ? ok({ json: result.value }) : result;
}

// The one query whose meaning here is beyond doubt; anything else is refused rather than answered wrongly.
const allTwins = /^\s*select\s+\*\s+from\s+devices(?:\s+where\s+deviceId\s*=\s*'([^']{1,128})')?\s*;?\s*$/i;

function queryTwins(parts: ApiParts, request: WebRequest): Outcome<Answer> {
  const body = objectBody(request);
  const match = allTwins.exec((body && textMember(body, 'query')) ?? '');
  if (match === null) return invalid("only SELECT * FROM devices [WHERE deviceId = '...'] can be answered");
  const headers = { 'x-ms-item-type': 'twin' };
  if (match[1] !== undefined) {
    const device = parts.registry.get(match[1]);
    return ok({ json: device.ok ? [twinOf(parts, device.value)] : [], headers });
  }
  const size = pageSize(request.header('x-ms-max-item-count'), defaultPage);
  if (!size.ok) return size;
  const after = request.header('x-ms-continuation');
  const afterId = after === undefined ? undefined : Buffer.from(after, 'base64url').toString();
  // one more than asked for tells whether there is a next page
  const devices = parts.registry.list(size.value + 1, afterId);
  if (!devices.ok) return devices;
  const page = devices.value.slice(0, size.value);
  const last = page.at(-1)?.deviceId;
  const more = devices.value.length > size.value && last !== undefined;
  return ok({
    json: page.map((device) => twinOf(parts, device)),
    headers: more ? { ...headers, 'x-ms-continuation': Buffer.from(last).toString('base64url') } : headers,
  });
}

function getDevice(parts: ApiParts, _request: WebRequest, id: string): Outcome<Answer> {
  return identityAnswer(parts, parts.registry.get(id));
}

/** Without `If-Match` it creates, with it it updates. */
function putDevice(parts: ApiParts, request: WebRequest, id: string): Outcome<Answer> {
  const body = objectBody(request);
  if (body === undefined) return invalid('the body is not a device');
  if ((textMember(body, 'deviceId') ?? id) !== id) return invalid('the device id differs from the one in the address');
  const ifMatch = request.header('if-match');
  const device = ifMatch === undefined ? parts.registry.create(id, body) : parts.registry.update(id, body, ifMatch);
  return identityAnswer(parts, device);
}

function deleteDevice(parts: ApiParts, request: WebRequest, id: string): Outcome<Answer> {
  const removed = parts.registry.remove(id, request.header('if-match'));
  return removed.ok ? ok({}) : removed;
}

function getTwin(parts: ApiParts, _request: WebRequest, id: string): Outcome<Answer> {
  return twinAnswer(parts, parts.registry.get(id));
}

function changeTwin(parts: ApiParts, request: WebRequest, id: string): Outcome<Answer> {
  const body = objectBody(request);
  if (body === undefined) return invalid('the body is not a twin');
  const how = request.method === 'PATCH' ? 'merge' : 'replace';
  return twinAnswer(parts, parts.registry.changeTwin(id, { body, how, ifMatch: request.header('if-match') }));
}

function deviceStatistics(parts: ApiParts): Outcome<Answer> {
  const counts = parts.registry.counts();
  if (!counts.ok) return counts;
  const { total, enabled } = counts.value;
  const json = { totalDeviceCount: total, enabledDeviceCount: enabled, disabledDeviceCount: total - enabled };
  return ok({ json });
}

function serviceStatistics(parts: ApiParts): Outcome<Answer> {
  return ok({ json: { connectedDeviceCount: parts.presence.connectedCount } });
}

function deviceMessages(parts: ApiParts, _request: WebRequest, id: string): Outcome<Answer> {
  const device = parts.registry.get(id);
  return device.ok ? ok({ json: parts.messages.of(id) }) : device;
}

function identityAnswer(parts: ApiParts, device: Outcome<Device>): Outcome<Answer> {
  if (!device.ok) return device;
  const json = identityView(device.value, parts.presence.of(device.value.deviceId));
  return ok({ json, headers: { etag: `"${device.value.etag}"` } });
}

function twinAnswer(parts: ApiParts, device: Outcome<Device>): Outcome<Answer> {
  if (!device.ok) return device;
  return ok({ json: twinOf(parts, device.value), headers: { etag: `"${twinEtag(device.value.twin)}"` } });
}

function twinOf(parts: ApiParts, device: Device): JsonObject {
  return twinView(device, parts.presence.of(device.deviceId));
}

function pageSize(text: string | undefined, usual: number): Outcome<number> {
  if (text === undefined) return ok(usual);
  const size = Number(text);
  return Number.isInteger(size) && size > 0 ? ok(Math.min(size, maxPage)) : invalid('the number of items is not one');
}

function jsonBody(request: WebRequest): Json | undefined {
  const text = fromUtf8(request.body);
  return text === undefined ? undefined : parseJson(text);
}

function objectBody(request: WebRequest): JsonObject | undefined {
  const json = jsonBody(request);
  return isObject(json) ? json : undefined;
}

function decodedOnce(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function invalid(reason: string): Outcome<never> {
  return failed(hubFault('ArgumentInvalid', { reason }));
}

function answerOf(answer: Answer): WebReply {
  const headers = answer.headers ?? {};
  if (answer.json === undefined) return { status: 204, headers, body: '' };
  return { status: 200, headers: { ...headers, ...jsonType }, body: JSON.stringify(answer.json) };
}

// The Node SDK reads no body without it (dps-wire section 1.6).
const jsonType = { 'content-type': 'application/json; charset=utf-8' };

function faultOf(parts: ApiParts, fault: HubFault): WebReply {
  return faultReply(fault, `${parts.random.uuid()}-TimeStamp:${isoTime(parts.clock.nowMs())}`);
}

/** For what the listener refuses before a request is read. */
export function refusalReply(code: HubFaultCode, limit: number): WebReply {
  return faultReply(hubFault(code, { limit, reason: 'it is no HTTP request' }), 'none');
}

/** The shape the SDKs split at `;` and `:` to find the code. */
function faultReply(fault: HubFault, tracking: string): WebReply {
  return {
    status: httpStatus[fault.code],
    headers: { ...jsonType, 'iothub-errorcode': fault.code },
    body: JSON.stringify({
      Message: `ErrorCode:${fault.code};${fault.say}`,
      ExceptionMessage: `Tracking ID:${tracking}`,
    }),
  };
}
