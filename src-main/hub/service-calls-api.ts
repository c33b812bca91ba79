/** What a service asks of one device over REST: direct methods, messages to it, and the last ones from it. */
import { utf8 } from '../lib/base/bytes.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { WebRequest } from '../lib/listen/https-server.ts';
import type { CloudMessages } from './cloud-messages.ts';
import type { Outcome } from './device-changes.ts';
import type { DeviceMessages } from './device-messages.ts';
import { maxMethodPayloadBytes, type DirectMethods, type MethodCall } from './direct-methods.ts';
import { hubFault } from './hub-fault.ts';
import { member, textMember, type JsonObject } from './json.ts';
import { propertiesOf } from './message-headers.ts';
import type { Registry } from './registry.ts';
import { invalid, objectBody, type Answer, type Route } from './web-answer.ts';

export interface ServiceCallParts {
  readonly registry: Registry;
  readonly methods: DirectMethods;
  readonly cloudMessages: CloudMessages;
  readonly messages: DeviceMessages;
}

export const serviceCallRoutes: readonly Route<ServiceCallParts>[] = [
  ['POST', /^\/twins\/([^/]+)\/methods$/i, invokeMethod],
  // ours: IoT Hub takes these over AMQP alone
  ['POST', /^\/devices\/([^/]+)\/messages\/devicebound$/i, enqueueMessage],
  ['DELETE', /^\/devices\/([^/]+)\/commands$/i, purgeMessages],
  ['GET', /^\/benchline\/v1\/devices\/([^/]+)\/messages$/i, lastMessages],
];

// IoT Hub's: a device has 5 to 300 seconds to answer, 30 unless told otherwise, and up to 300 to connect.
const seconds = { response: { least: 5, most: 300, usual: 30 }, connect: { least: 0, most: 300, usual: 0 } } as const;

async function invokeMethod(
  parts: ServiceCallParts,
  request: WebRequest,
  [id = '']: readonly string[],
): Promise<Outcome<Answer>> {
  const call = methodCallOf(objectBody(request));
  if (!call.ok) return call;
  const device = parts.registry.get(id);
  if (!device.ok) return device;
  const answer = await parts.methods.invoke(id, call.value);
  return answer.ok ? ok({ json: { status: answer.value.status, payload: answer.value.payload } }) : answer;
}

function methodCallOf(body: JsonObject | undefined): Outcome<MethodCall> {
  if (body === undefined) return invalid('the body is not a method call');
  const methodName = textMember(body, 'methodName') ?? '';
  // it becomes a level of a topic, which may hold neither a slash nor a wildcard (MQTT-3.3.2-2)
  if (!/^[A-Za-z0-9!$%&'*\-.^_`|~]{1,100}$/.test(methodName)) return invalid('methodName is not one');
  const responseS = secondsOf(body, 'responseTimeoutInSeconds', seconds.response);
  const connectS = secondsOf(body, 'connectTimeoutInSeconds', seconds.connect);
  if (!responseS.ok) return responseS;
  if (!connectS.ok) return connectS;
  const given = member(body, 'payload');
  const payload = given === undefined ? new Uint8Array() : utf8(JSON.stringify(given));
  if (payload.length > maxMethodPayloadBytes)
    return failed(hubFault('MessageTooLarge', { limit: maxMethodPayloadBytes }));
  const timeouts = { connectTimeoutMs: connectS.value * 1000, responseTimeoutMs: responseS.value * 1000 };
  return ok({ methodName, payload, ...timeouts });
}

function secondsOf(
  body: JsonObject,
  name: string,
  { least, most, usual }: { readonly least: number; readonly most: number; readonly usual: number },
): Outcome<number> {
  const given = member(body, name) ?? usual;
  const fits = typeof given === 'number' && Number.isInteger(given) && given >= least && given <= most;
  return fits ? ok(given) : invalid(`${name} is not a number from ${least} to ${most}`);
}

/** The body is the message, `iothub-...` headers are its properties. */
function enqueueMessage(parts: ServiceCallParts, request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  const { system, properties } = propertiesOf(request.headers());
  const to = `/devices/${encodeURIComponent(id)}/messages/devicebound`;
  const receipt = parts.cloudMessages.enqueue(id, { system: { ...system, to }, properties, payload: request.body });
  if (!receipt.ok) return receipt;
  const { messageId, sequence } = receipt.value;
  return ok({ json: { messageId, sequenceNumber: sequence, waiting: parts.cloudMessages.count(id) } });
}

function purgeMessages(parts: ServiceCallParts, _request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  const purged = parts.cloudMessages.purge(id);
  return purged.ok ? ok({ json: { deviceId: id, totalMessagesPurged: purged.value } }) : purged;
}

function lastMessages(parts: ServiceCallParts, _request: WebRequest, [id = '']: readonly string[]): Outcome<Answer> {
  const device = parts.registry.get(id);
  return device.ok ? ok({ json: parts.messages.of(id) }) : device;
}
