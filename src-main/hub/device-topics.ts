/** The MQTT topics a device speaks to its hub by (dps-wire section 10.2). */
import { decodedOnce } from '../lib/base/percent.ts';
import { isoTime } from '../lib/base/host.ts';
import type { AppProperties, CloudMessage, SystemProperties } from './cloud-message.ts';

export type DevicePublish =
  | { readonly to: 'telemetry'; readonly system: SystemProperties; readonly properties: AppProperties }
  | { readonly to: 'twin-get'; readonly requestId: string }
  | { readonly to: 'twin-report'; readonly requestId: string }
  | { readonly to: 'method-answer'; readonly requestId: string; readonly status: number };

/** Undefined for what a hub does not take from this device. */
export function parsePublish(deviceId: string, topic: string): DevicePublish | undefined {
  const [twinGet, twinReport] = ['$iothub/twin/GET/', '$iothub/twin/PATCH/properties/reported/'];
  if (topic.startsWith(`${twinGet}?`)) return withRequestId('twin-get', topic.slice(twinGet.length));
  if (topic.startsWith(`${twinReport}?`)) return withRequestId('twin-report', topic.slice(twinReport.length));
  const [, status, query] = /^\$iothub\/methods\/res\/(-?\d{1,10})\/(\?.*)$/.exec(topic) ?? [];
  if (status !== undefined && query !== undefined) return methodAnswer(Number(status), query);
  // with and without a slash at the end, then the property bag
  const [, id, bag] = /^devices\/([^/]+)\/messages\/events(?:\/(.*))?$/.exec(topic) ?? [];
  if (id === undefined || !names(id, deviceId)) return undefined;
  const pairs = parseBag(bag ?? '');
  return pairs === undefined ? undefined : { to: 'telemetry', ...sorted(pairs) };
}

// GUIDs and counters in every SDK; it is echoed, so it has a bound.
const requestIdPattern = /^\?(?:[^&]*&)*\$rid=([^&#+/]{1,128})(?:&|$)/;

function withRequestId(to: 'twin-get' | 'twin-report', query: string): DevicePublish | undefined {
  const requestId = requestIdPattern.exec(query)?.[1];
  return requestId === undefined ? undefined : { to, requestId };
}

function methodAnswer(status: number, query: string): DevicePublish | undefined {
  const requestId = requestIdPattern.exec(query)?.[1];
  return requestId === undefined ? undefined : { to: 'method-answer', requestId, status };
}

/** `name=value&...`, percent-encoded; a name alone has an empty value. Undefined when it is not well encoded. */
function parseBag(bag: string): readonly (readonly [string, string])[] | undefined {
  const text = bag.replace(/^\?/, '').replace(/\/$/, '');
  const pairs: (readonly [string, string])[] = [];
  for (const pair of text.split('&').filter((one) => one !== '')) {
    const parts = pair.split('=').map(decodedOnce);
    if (parts.includes(undefined)) return undefined;
    const [name = '', ...value] = parts;
    pairs.push([name, value.join('=')]);
  }
  return pairs;
}

/** What the bag of a topic calls the properties that Azure names (dps-wire section 10.2). */
const bagNames = {
  messageId: '$.mid',
  correlationId: '$.cid',
  userId: '$.uid',
  to: '$.to',
  contentType: '$.ct',
  contentEncoding: '$.ce',
  expiryTimeUtc: '$.exp',
  ack: 'iothub-ack',
} as const satisfies Record<keyof SystemProperties, string>;

const systemNames = new Map<string, string>(Object.entries(bagNames).map(([name, inBag]) => [inBag, name]));

/** Other names with `$.` stay among the properties: they are somebody's, if not ours. */
function sorted(pairs: readonly (readonly [string, string])[]): {
  readonly system: SystemProperties;
  readonly properties: AppProperties;
} {
  const system = pairs.flatMap(([name, value]) => {
    const known = systemNames.get(name);
    return known === undefined ? [] : [[known, value] as const];
  });
  const properties = pairs.filter(([name]) => !systemNames.has(name));
  return { system: Object.fromEntries(system), properties: Object.fromEntries(properties) };
}

export const twinResponses = '$iothub/twin/res/#';
export const desiredChanges = '$iothub/twin/PATCH/properties/desired/#';
export const methodCalls = '$iothub/methods/POST/#';

export function maySubscribeTo(deviceId: string, filter: string): boolean {
  return [twinResponses, desiredChanges, methodCalls].includes(filter) || namesCloudMessages(deviceId, filter);
}

export function namesCloudMessages(deviceId: string, filter: string): boolean {
  const [, id] = /^devices\/([^/]+)\/messages\/devicebound\/#$/.exec(filter) ?? [];
  return id !== undefined && names(id, deviceId);
}

/** Its properties are the last level, as in telemetry. The id is as the device spells it, wildcards aside. */
export function cloudMessageTopic(deviceId: string, message: CloudMessage): string {
  const system: SystemProperties = {
    ...message.system,
    messageId: message.messageId,
    ...(message.expiresMs === undefined ? {} : { expiryTimeUtc: isoTime(message.expiresMs) }),
  };
  const named = Object.entries(bagNames).flatMap(([name, inBag]) => {
    const value = system[name as keyof SystemProperties];
    return value === undefined ? [] : [[inBag, value] as const];
  });
  const bag = [...named, ...Object.entries(message.properties)]
    .map(([name, value]) => `${bagPart(name)}=${bagPart(value)}`)
    .join('&');
  return `devices/${deviceId.replace(/[%+#]/g, encodeURIComponent)}/messages/devicebound/${bag}`;
}

function bagPart(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

export function methodCallTopic(methodName: string, requestId: string): string {
  return `$iothub/methods/POST/${methodName}/?$rid=${requestId}`;
}

/** `$rid` first: some clients look no further (dps-wire section 11, rule 5). */
export function twinResponseTopic(status: number, requestId: string, version?: number): string {
  const tail = version === undefined ? '' : `&$version=${version}`;
  return `$iothub/twin/res/${status}/?$rid=${requestId}${tail}`;
}

export function desiredChangeTopic(version: number): string {
  return `$iothub/twin/PATCH/properties/desired/?$version=${version}`;
}

/**
 * The device id of `{host}/{deviceId}/?api-version=...`, of the older form without `?`, and of `{host}/{deviceId}`.
 * The host part is not looked at: gateways rewrite it.
 */
export function deviceOfUserName(userName: string): string | undefined {
  const [, id = ''] = userName.split('/');
  return id === '' ? undefined : id;
}

/** `model-id` of the user name's query, with or without its `?`. */
export function modelOfUserName(userName: string): string | undefined {
  const query = userName.split('/').slice(2).join('/').replace(/^\?/, '');
  return new URLSearchParams(query).get('model-id') ?? undefined;
}

/** Some SDKs percent-encode the id, some do not. */
export function names(text: string, deviceId: string): boolean {
  return text === deviceId || decodedOnce(text) === deviceId;
}
