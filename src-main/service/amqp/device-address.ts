/** The one address a device has (dps-wire 3.1), in the three spellings of the SDKs. */
import { decodedOnce } from '../../lib/base/percent.ts';

export interface DeviceAddress {
  readonly idScope: string;
  readonly registrationId: string;
}

// A host name, a scope and a registration id of 128 characters, each encoded.
const maxLength = 1_024;

// `{scope}/registrations/{rid}`, `/{scope}/...` and `amqps://{host}/{scope}/...`, in any case
const pattern = /^(?:amqps?:\/\/[^/]*\/|\/)?([^/]+)\/registrations\/([^/]+)\/?$/i;

/** Undefined when it is none. */
export function parseDeviceAddress(text: string): DeviceAddress | undefined {
  if (text.length > maxLength) return undefined;
  const [, scope, id] = pattern.exec(text) ?? [];
  // as the segments of the HTTPS address are (dps-wire 1.1)
  const idScope = decodedOnce(scope);
  const registrationId = decodedOnce(id);
  return idScope === undefined || registrationId === undefined ? undefined : { idScope, registrationId };
}

export function sameDevice(one: DeviceAddress, other: DeviceAddress): boolean {
  return keyOf(one) === keyOf(other);
}

function keyOf({ idScope, registrationId }: DeviceAddress): string {
  return `${idScope}/${registrationId}`.toLowerCase();
}
