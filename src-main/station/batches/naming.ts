/** The names a unit gets: its registration id at the service and its device id at the hub. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { batchFault } from './faults.ts';
import type { RegistrationId } from './model.ts';

// dps-wire 0.1: at most 128 of these, the last one alphanumeric or '-'. Lower case, since the service compares
// without case and older SDKs refuse capitals.
const registrationIdShape = /^[a-z0-9\-._:]{0,127}[a-z0-9-]$/;
/** X.520 upper bound for a common name, which a certificate's registration id is. */
const maxCommonNameLength = 64;
// dps-wire 0.1, hub device id: 7-bit alphanumerics and these marks, case kept.
const deviceIdShape = /^[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}$/;

const placeholder = /\{(\w+)\}/g;
export const deviceIdPlaceholders = ['registrationId', 'serialNumber'] as const;
export const registrationIdPlaceholders = ['serialNumber'] as const;

export function parseRegistrationId(text: string): Result<RegistrationId> {
  const registrationId = text.toLowerCase();
  return registrationIdShape.test(registrationId)
    ? ok(registrationId as RegistrationId)
    : failed(batchFault('registration-id-malformed', { registrationId: text.slice(0, 140) }));
}

export interface RegistrationNaming {
  readonly registrationIdTemplate?: string | undefined;
}

/** @param fromTpm the id that the SDKs derive from the EK; absent for X.509, where the id is a common name */
export function registrationIdOf(
  terms: RegistrationNaming,
  serialNumber: string,
  fromTpm: string | undefined,
): Result<RegistrationId> {
  const { registrationIdTemplate } = terms;
  const text =
    registrationIdTemplate === undefined ? (fromTpm ?? serialNumber) : filled(registrationIdTemplate, { serialNumber });
  if (fromTpm === undefined && text.length > maxCommonNameLength) {
    return failed(batchFault('registration-id-malformed', { registrationId: text.slice(0, 140) }));
  }
  return parseRegistrationId(text);
}

export function deviceIdOf(
  terms: { readonly deviceIdTemplate: string },
  names: { readonly registrationId: string; readonly serialNumber: string },
): Result<string> {
  const { registrationId, serialNumber } = names;
  const deviceId = filled(terms.deviceIdTemplate, { registrationId, serialNumber });
  return deviceIdShape.test(deviceId) ? ok(deviceId) : failed(batchFault('device-id-malformed', { deviceId }));
}

/** A template must tell units apart, and know only the placeholders that will be filled. */
export function checkTemplate(which: string, template: string, known: readonly string[]): Result<void> {
  const used = Array.from(template.matchAll(placeholder), ([, name]) => name ?? '');
  const placeholders = known.map((name) => `{${name}}`).join(', ');
  const refuse = (reason: string): Result<void> =>
    failed(batchFault('template-malformed', { which, reason, placeholders }));
  const stranger = used.find((name) => !known.includes(name));
  if (stranger !== undefined) return refuse(`{${stranger}} is not known`);
  if (used.length === 0) return refuse('every unit would get the same name');
  return ok();
}

function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(placeholder, (gap, name: string) => values[name] ?? gap);
}

/**
 * What the serial numbers of a station's virtual units begin with: six characters of the station's own id keep those of
 * several stations apart at one service.
 */
export function virtualSerialPrefix(stationId: string): string {
  return `VB${stationId.slice(-6).toUpperCase()}-`;
}
