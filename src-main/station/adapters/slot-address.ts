/** How a slot's port is named in a configuration, in the store and on a screen. */
import { parseHostPort } from '../../lib/base/host-port.ts';

export type SlotAddress =
  | { readonly kind: 'usb'; readonly usbPath: string }
  | { readonly kind: 'serial'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Undefined for what is none; two texts name the same port when they are equal. */
export function parseSlotAddress(text: string): SlotAddress | undefined {
  const [, kind = '', rest = ''] = /^(usb|serial|tcp):(.+)$/.exec(text) ?? [];
  // The widest that a system names a place in its USB tree with (lib/serial, port-catalog).
  if (kind === 'usb') return /^[\w.:#-]{1,100}$/.test(rest) ? { kind, usbPath: rest } : undefined;
  if (kind === 'serial') return { kind, path: rest };
  const { host, port } = parseHostPort(rest) ?? {};
  return kind !== 'tcp' || host === undefined || port === undefined ? undefined : { kind, host, port };
}

export const usbAddress = (usbPath: string): string => `usb:${usbPath}`;
