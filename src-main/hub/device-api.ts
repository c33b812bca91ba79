/** What a device asks over HTTPS (dps-wire 10.3): to take its telemetry, and for messages to it. */
import { fromBase64, utf8 } from '../lib/base/bytes.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { WebRequest } from '../lib/listen/https-server.ts';
import { usualLockMs, type Settlement } from './cloud-messages.ts';
import type { Outcome } from './device-changes.ts';
import { maxTelemetryBytes, type DeviceDesk, type Telemetry } from './device-desk.ts';
import { hubFault, notAdmitted } from './hub-fault.ts';
import { isObject, member, objectMember, textMember, type Json } from './json.ts';
import { headersOf, propertiesOf } from './message-headers.ts';
import { invalid, jsonBody, type Answer, type Route } from './web-answer.ts';

export interface DeviceApiParts {
  readonly desk: DeviceDesk;
}

type DeviceHandler = (
  desk: DeviceDesk,
  request: WebRequest,
  ids: { readonly deviceId: string; readonly lockToken: string },
) => Outcome<Answer>;

export const deviceRoutes: readonly Route<DeviceApiParts>[] = [
  ['POST', /^\/devices\/([^/]+)\/messages\/events$/i, ofDevice(sendTelemetry)],
  ['GET', /^\/devices\/([^/]+)\/messages\/devicebound$/i, ofDevice(receive)],
  ['DELETE', /^\/devices\/([^/]+)\/messages\/devicebound\/([^/]+)$/i, ofDevice(completeOrReject)],
  ['POST', /^\/devices\/([^/]+)\/messages\/devicebound\/([^/]+)\/abandon$/i, ofDevice(abandon)],
];

/** By its token, or without one by the certificate of its TLS handshake. */
function ofDevice(handle: DeviceHandler): Route<DeviceApiParts>[2] {
  return ({ desk }, request, [deviceId = '', lockToken = '']) => {
    const { certificates, remoteAddress: source } = request.peer;
    const token = request.header('authorization') ?? '';
    const admitted = desk.admit(deviceId, { token, certificate: certificates[0], source });
    if (admitted.is !== 'admitted') return failed(notAdmitted(admitted));
    desk.heard(deviceId);
    return handle(desk, request, { deviceId, lockToken });
  };
}

const batchType = 'application/vnd.microsoft.iothub.json';
const maxBatch = 500; // IoT Hub's limit of messages in one call

const sendTelemetryIn = (desk: DeviceDesk, deviceId: string, messages: readonly Telemetry[]): Outcome<Answer> => {
  for (const message of messages) {
    const taken = desk.telemetry(deviceId, message);
    if (!taken.ok) return taken;
  }
  return ok({});
};

function sendTelemetry(...[desk, request, { deviceId }]: Parameters<DeviceHandler>): Outcome<Answer> {
  if (request.body.length > maxTelemetryBytes) return failed(hubFault('MessageTooLarge', { limit: maxTelemetryBytes }));
  const isBatch = request.header('content-type')?.split(';')[0]?.trim().toLowerCase() === batchType;
  if (!isBatch) return sendTelemetryIn(desk, deviceId, [{ ...propertiesOf(request.headers()), payload: request.body }]);
  const items = jsonBody(request);
  if (!Array.isArray(items) || items.length === 0) return invalid('the body is not a list of messages');
  if (items.length > maxBatch) return invalid(`one call takes at most ${maxBatch} messages`);
  const messages = (items as readonly Json[]).map(messageOf);
  // all or none: a device that is refused sends the whole batch again
  const good = messages.filter((message) => message !== undefined);
  if (good.length < messages.length) return invalid('a message is not an object with a base64 body');
  return sendTelemetryIn(desk, deviceId, good);
}

function messageOf(item: Json): Telemetry | undefined {
  if (!isObject(item)) return undefined;
  const body = textMember(item, 'body') ?? '';
  const payload = member(item, 'base64Encoded') === false ? utf8(body) : fromBase64(body);
  const given = Object.entries(objectMember(item, 'properties') ?? {});
  const texts = given.map(
    ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
  );
  return payload === undefined ? undefined : { ...propertiesOf(texts), payload };
}

function receive(...[desk, , { deviceId }]: Parameters<DeviceHandler>): Outcome<Answer> {
  const next = desk.cloudMessages.receive(deviceId, usualLockMs);
  if (!next.ok) return next;
  if (next.value === undefined) return ok({});
  const { message, lockToken } = next.value;
  return ok({ bytes: message.payload, headers: headersOf(message, lockToken) });
}

/** One verb for both; the query says which. */
function completeOrReject(...[desk, request, ids]: Parameters<DeviceHandler>): Outcome<Answer> {
  return settled(desk, ids, request.query.has('reject') ? 'reject' : 'complete');
}

function abandon(...[desk, , ids]: Parameters<DeviceHandler>): Outcome<Answer> {
  return settled(desk, ids, 'abandon');
}

function settled(
  desk: DeviceDesk,
  { deviceId, lockToken }: { readonly deviceId: string; readonly lockToken: string },
  how: Settlement,
): Outcome<Answer> {
  const done = desk.cloudMessages.settle(deviceId, lockToken, how);
  return done.ok ? ok({}) : done;
}
