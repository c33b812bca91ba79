/** The hub's registry REST (dps-wire section 10.1), from a request to an answer; knows no socket. */
import { ok } from '../lib/base/result.ts';
import type { WebRequest } from '../lib/listen/https-server.ts';
import { maxBulkDevices } from './bulk.ts';
import type { CloudMessages } from './cloud-messages.ts';
import type { Outcome } from './device-changes.ts';
import { identityView, twinEtag, twinView, type Device, type DeviceStanding } from './device.ts';
import { textMember, type Json, type JsonObject } from './json.ts';
import type { Presence } from './presence.ts';
import type { Registry } from './registry.ts';
import { parseTwinQuery, type TwinQuery } from './twin-query.ts';
import { invalid, jsonBody, objectBody, type Answer, type Route } from './web-answer.ts';

export interface RegistryApiParts {
  readonly registry: Registry;
  readonly presence: Presence;
  readonly cloudMessages: CloudMessages;
}

const defaultPage = 100;
const maxPage = 1_000; // IoT Hub's limit for a list and for a page of a query

export const registryRoutes: readonly Route<RegistryApiParts>[] = [
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
];

function listDevices(parts: RegistryApiParts, request: WebRequest): Outcome<Answer> {
  const top = pageSize(request.query.get('top') ?? undefined, maxPage);
  if (!top.ok) return top;
  const devices = parts.registry.list(top.value);
  if (!devices.ok) return devices;
  return ok({ json: devices.value.map((device) => identityView(device, standingOf(parts, device.deviceId))) });
}

function bulkDevices(parts: RegistryApiParts, request: WebRequest): Outcome<Answer> {
  const items = jsonBody(request);
  if (!Array.isArray(items) || items.length === 0) return invalid('the body is not a list of devices');
  if (items.length > maxBulkDevices) return invalid(`one call takes at most ${maxBulkDevices} devices`);
  const result = parts.registry.bulk(items as readonly Json[]);
  return result.ok ? ok({ json: result.value }) : result;
}

// One call looks at so many devices and gives the next one's address: some 20 ms, in which the hub does nothing else.
const maxScanned = 1_000;

/** A page may be shorter than asked for and even empty: its end is where no continuation comes with it. */
function queryTwins(parts: RegistryApiParts, request: WebRequest): Outcome<Answer> {
  const body = objectBody(request);
  const query = parseTwinQuery((body && textMember(body, 'query')) ?? '');
  if (!query.ok) return query;
  const size = pageSize(request.header('x-ms-max-item-count'), defaultPage);
  if (!size.ok) return size;
  const { deviceId } = query.value;
  if (deviceId !== undefined) {
    const device = parts.registry.get(deviceId);
    const twins = device.ok ? [twinOf(parts, device.value)].filter((twin) => query.value.fits(twin)) : [];
    return ok({ json: twins, headers: twinItems });
  }
  const after = request.header('x-ms-continuation');
  const afterId = after === undefined ? undefined : Buffer.from(after, 'base64url').toString();
  return pageOfTwins(parts, query.value, { size: size.value, afterId });
}

const twinItems = { 'x-ms-item-type': 'twin' };

function pageOfTwins(
  parts: RegistryApiParts,
  query: TwinQuery,
  { size, afterId }: { readonly size: number; readonly afterId: string | undefined },
): Outcome<Answer> {
  const scanned = query.isOfAll ? size : maxScanned;
  // one more than is looked at tells whether there is a next page
  const devices = parts.registry.list(scanned + 1, afterId);
  if (!devices.ok) return devices;
  const { found, lastId } = firstThatFit(parts, devices.value.slice(0, scanned), query, size);
  const hasMore = lastId !== undefined && devices.value.at(-1)?.deviceId !== lastId;
  const next = hasMore ? { 'x-ms-continuation': Buffer.from(lastId).toString('base64url') } : {};
  return ok({ json: found, headers: { ...twinItems, ...next } });
}

function firstThatFit(
  parts: RegistryApiParts,
  devices: readonly Device[],
  query: TwinQuery,
  size: number,
): { readonly found: readonly JsonObject[]; readonly lastId: string | undefined } {
  const found: JsonObject[] = [];
  for (const device of devices) {
    const twin = twinOf(parts, device);
    if (query.fits(twin)) found.push(twin);
    if (found.length === size) return { found, lastId: device.deviceId };
  }
  return { found, lastId: devices.at(-1)?.deviceId };
}

function getDevice(parts: RegistryApiParts, _request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  return identityAnswer(parts, parts.registry.get(id));
}

/** Without `If-Match` it creates, with it it updates. */
function putDevice(parts: RegistryApiParts, request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  const body = objectBody(request);
  if (body === undefined) return invalid('the body is not a device');
  if ((textMember(body, 'deviceId') ?? id) !== id) return invalid('the device id differs from the one in the address');
  const ifMatch = request.header('if-match');
  const device = ifMatch === undefined ? parts.registry.create(id, body) : parts.registry.update(id, body, ifMatch);
  return identityAnswer(parts, device);
}

function deleteDevice(parts: RegistryApiParts, request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  const removed = parts.registry.remove(id, request.header('if-match'));
  return removed.ok ? ok({}) : removed;
}

function getTwin(parts: RegistryApiParts, _request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  return twinAnswer(parts, parts.registry.get(id));
}

function changeTwin(parts: RegistryApiParts, request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  const body = objectBody(request);
  if (body === undefined) return invalid('the body is not a twin');
  const how = request.method === 'PATCH' ? 'merge' : 'replace';
  return twinAnswer(parts, parts.registry.changeTwin(id, { body, how, ifMatch: request.header('if-match') }));
}

function deviceStatistics(parts: RegistryApiParts): Outcome<Answer> {
  const counts = parts.registry.counts();
  if (!counts.ok) return counts;
  const { total, enabled } = counts.value;
  const json = { totalDeviceCount: total, enabledDeviceCount: enabled, disabledDeviceCount: total - enabled };
  return ok({ json });
}

function serviceStatistics(parts: RegistryApiParts): Outcome<Answer> {
  return ok({ json: { connectedDeviceCount: parts.presence.connectedCount } });
}

function identityAnswer(parts: RegistryApiParts, device: Outcome<Device>): Outcome<Answer> {
  if (!device.ok) return device;
  const json = identityView(device.value, standingOf(parts, device.value.deviceId));
  return ok({ json, headers: { etag: `"${device.value.etag}"` } });
}

function twinAnswer(parts: RegistryApiParts, device: Outcome<Device>): Outcome<Answer> {
  if (!device.ok) return device;
  return ok({ json: twinOf(parts, device.value), headers: { etag: `"${twinEtag(device.value.twin)}"` } });
}

function standingOf(parts: RegistryApiParts, deviceId: string): DeviceStanding {
  return { ...parts.presence.of(deviceId), waiting: parts.cloudMessages.count(deviceId) };
}

function twinOf(parts: RegistryApiParts, device: Device): JsonObject {
  return twinView(device, standingOf(parts, device.deviceId));
}

function pageSize(text: string | undefined, usual: number): Outcome<number> {
  if (text === undefined) return ok(usual);
  const size = Number(text);
  return Number.isInteger(size) && size > 0 ? ok(Math.min(size, maxPage)) : invalid('the number of items is not one');
}
