/** The bodies of the MQTT wire: JSON in, JSON out (dps-wire 2.2 and 2.3). */
import { fromUtf8, utf8 } from '../../lib/base/bytes.ts';
import { parseJson } from '../../lib/base/json.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { deviceRegistration, type DeviceRegistration } from '../../lib/dps/wire.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';

const unreadable = failed(serviceFault('invalid', { reason: 'The body is not a device registration.' }));

/** Rules 18 and 19: no body, a space and null are registrations too; the connection says whose. */
export function registrationOf(payload: Uint8Array): Result<DeviceRegistration, ServiceFault> {
  const text = fromUtf8(payload)?.trim();
  if (text === undefined) return unreadable;
  if (text === '') return ok({});
  const json = parseJson(text);
  const body = json === undefined ? undefined : deviceRegistration.safeParse(json.value ?? {});
  return body?.success === true ? ok(body.data) : unreadable;
}

/** ASCII alone: one client reads it as such. */
export function asciiJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value);
  return utf8(beyondAscii.test(text) ? text.replace(eachBeyondAscii, escaped) : text);
}

const beyondAscii = /[\u0080-\uffff]/;
const eachBeyondAscii = /[\u0080-\uffff]/g;

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
