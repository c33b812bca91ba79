/** A message's properties as HTTP headers (dps-wire 10.3), in both directions. */
import type { AppProperties, CloudMessage, SystemProperties } from './cloud-message.ts';
import { isoTime } from '../lib/base/host.ts';

export interface MessageProperties {
  readonly system: SystemProperties;
  readonly properties: AppProperties;
}

const headerNames = {
  messageId: 'iothub-messageid',
  correlationId: 'iothub-correlationid',
  userId: 'iothub-userid',
  to: 'iothub-to',
  contentType: 'iothub-contenttype',
  contentEncoding: 'iothub-contentencoding',
  expiryTimeUtc: 'iothub-expiry',
  ack: 'iothub-ack',
} as const satisfies Record<keyof SystemProperties, string>;

const systemNames = new Map<string, string>(Object.entries(headerNames).map(([name, header]) => [header, name]));
const appPrefix = 'iothub-app-';

/** Other headers are the protocol's own and are passed over. */
export function propertiesOf(headers: readonly (readonly [name: string, value: string])[]): MessageProperties {
  const system: [string, string][] = [];
  const properties: [string, string][] = [];
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const known = systemNames.get(lower);
    if (known !== undefined) system.push([known, value]);
    // a property keeps the spelling it was sent in
    if (lower.startsWith(appPrefix)) properties.push([name.slice(appPrefix.length), value]);
  }
  return { system: Object.fromEntries(system), properties: Object.fromEntries(properties) };
}

export function headersOf(message: CloudMessage, lockToken: string): Readonly<Record<string, string>> {
  const system = Object.entries(headerNames).flatMap(([name, header]) => {
    const value = message.system[name as keyof SystemProperties];
    return value === undefined ? [] : [[header, headerValue(value)] as const];
  });
  const app = Object.entries(message.properties).map(
    ([name, value]) => [`${appPrefix}${name}`, headerValue(value)] as const,
  );
  return {
    ...Object.fromEntries([...app, ...system]),
    'iothub-messageid': headerValue(message.messageId),
    'iothub-ack': message.ack,
    'iothub-sequencenumber': String(message.sequence),
    'iothub-enqueuedtime': isoTime(message.enqueuedMs),
    'iothub-deliverycount': String(message.deliveryCount - 1), // how often before, as IoT Hub counts
    etag: `"${lockToken}"`,
  };
}

/** RFC 9110 section 5.5: what a header cannot carry is percent-encoded. */
function headerValue(text: string): string {
  return text.replace(/[^\x20-\x7e]+/gu, (piece) => encodeURIComponent(piece.toWellFormed()));
}
