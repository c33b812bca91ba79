/** The link addresses of a hub (dps-wire 10.4), with or without a host before them. */
import { decodedOnce } from '../lib/base/percent.ts';

export const deviceLinks = ['telemetry', 'messages', 'methods', 'twin'] as const;
export type DeviceLinkKind = (typeof deviceLinks)[number];

export type LinkAddress =
  | { readonly is: 'claims' }
  /** Where a service sends messages to devices. */
  | { readonly is: 'service-messages' }
  | { readonly is: DeviceLinkKind; readonly deviceId: string };

// A host name, and a device id of 128 characters with every one encoded.
const maxLength = 1_024;
const hostPattern = /^amqps?:\/\/[^/]*/i;
const devicePattern = /^\/?devices\/([^/]+)\/(messages\/events|messages\/devicebound|methods\/devicebound|twin)\/?$/i;

const kinds: ReadonlyMap<string, DeviceLinkKind> = new Map([
  ['messages/events', 'telemetry'],
  ['messages/devicebound', 'messages'],
  ['methods/devicebound', 'methods'],
  ['twin', 'twin'],
]);

/** Undefined when it is none of a hub. */
export function parseLinkAddress(text: string): LinkAddress | undefined {
  if (text.length > maxLength) return undefined;
  const path = text.replace(hostPattern, '');
  if (/^\/?\$cbs$/i.test(path)) return { is: 'claims' };
  if (/^\/?messages\/devicebound\/?$/i.test(path)) return { is: 'service-messages' };
  const [, id = '', resource = ''] = devicePattern.exec(path) ?? [];
  const is = kinds.get(resource.toLowerCase());
  const deviceId = decodedOnce(id);
  return is === undefined || deviceId === undefined ? undefined : { is, deviceId };
}

/** The device of `/devices/{id}/messages/devicebound`, which a service names in a message's `to`. */
export function deviceOfMessageAddress(to: string): string | undefined {
  const address = parseLinkAddress(to);
  return address?.is === 'messages' ? address.deviceId : undefined;
}
