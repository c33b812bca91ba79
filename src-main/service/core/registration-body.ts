/** What a device sends with its registration, as every wire reads it (dps-wire 1.3). */
import { fromUtf8 } from '../../lib/base/bytes.ts';
import { parseJson } from '../../lib/base/json.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { deviceRegistration, type DeviceRegistration } from '../../lib/dps/wire.ts';
import { serviceFault, type ServiceFault } from './faults.ts';

const unreadable = failed(serviceFault('invalid', { reason: 'The body is not a device registration.' }));

/** Rules 18 and 19: no body, a space and null are registrations too; the connection or the address says whose. */
export function registrationIn(body: Uint8Array | string): Result<DeviceRegistration, ServiceFault> {
  const text = (typeof body === 'string' ? body : fromUtf8(body))?.trim();
  if (text === undefined) return unreadable;
  const json = text === '' ? { value: undefined } : parseJson(text);
  return json === undefined ? unreadable : registrationOf(json.value);
}

/** Its payload may be anything. */
export function registrationOf(json: unknown): Result<DeviceRegistration, ServiceFault> {
  const read = deviceRegistration.safeParse(json ?? {});
  return read.success ? ok(read.data) : unreadable;
}
