/** What the user name of a CONNECT says (dps-wire 2.1): `{scope}/registrations/{rid}/api-version=V&ClientVersion=...`. */
import { decodedOnce } from '../../lib/base/percent.ts';

export interface DeviceUserName {
  readonly idScope: string;
  readonly registrationId: string;
  readonly apiVersion: string;
}

// A scope, a registration id of 128 characters with every one encoded, and a client's description of itself.
const maxLength = 1_024;
const collection = 'registrations';

/** Undefined when it is none. Any api-version is taken (dps-wire 0.2), and so is whatever a client adds to it. */
export function parseUserName(text: string): DeviceUserName | undefined {
  if (text.length > maxLength) return undefined;
  // only three: a client version may have slashes of its own
  const scopeEnd = text.indexOf('/');
  const collectionEnd = text.indexOf('/', scopeEnd + 1);
  const idEnd = text.indexOf('/', collectionEnd + 1);
  if (scopeEnd < 1 || collectionEnd < 0 || idEnd < 0) return undefined;
  if (text.slice(scopeEnd + 1, collectionEnd).toLowerCase() !== collection) return undefined;
  // as the segments of the HTTPS address are (dps-wire 1.1)
  const idScope = decodedOnce(text.slice(0, scopeEnd));
  const registrationId = decodedOnce(text.slice(collectionEnd + 1, idEnd));
  if (idScope === undefined || registrationId === undefined || registrationId === '') return undefined;
  const apiVersion = apiVersionPattern.exec(text.slice(idEnd))?.[1];
  return apiVersion === undefined ? undefined : { idScope, registrationId, apiVersion };
}

const apiVersionPattern = /[/?&]api-version=([\w.-]{1,64})(?:&|$)/i;
