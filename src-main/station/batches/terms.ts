/** Checks what a supervisor wants to open, so that no unit finds out later. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { batchFault } from './faults.ts';
import type { BatchTerms } from './model.ts';
import { checkTemplate, deviceIdPlaceholders, registrationIdPlaceholders } from './naming.ts';
import { parseSerialPattern } from './serial-pattern.ts';

/** The signer as the batch keeps it: enough to enroll its family, nothing that signs. */
export interface BatchSigner {
  readonly signerId: string;
  readonly commonName: string;
  /** Of the certificate, hexadecimal. */
  readonly sha256: string;
  readonly certificatePem: string;
}

/** Gives the terms as they will be kept: an initial twin in one spelling, empty options taken out. */
export function checkTerms(terms: BatchTerms, signer: BatchSigner | undefined): Result<BatchTerms> {
  const pattern = parseSerialPattern(terms.serialPattern);
  if (!pattern.ok) return pattern;
  const deviceId = checkTemplate('device id', terms.deviceIdTemplate, deviceIdPlaceholders);
  if (!deviceId.ok) return deviceId;
  if (terms.registrationIdTemplate !== undefined) {
    const named = checkTemplate('registration id', terms.registrationIdTemplate, registrationIdPlaceholders);
    if (!named.ok) return named;
  }
  if (terms.attestation !== 'tpm' && signer === undefined) return failed(batchFault('batch-needs-signer'));
  const { initialTwin, ...others } = terms;
  if (initialTwin === undefined || initialTwin.trim() === '') return ok(others);
  const twin = oneSpelling(initialTwin);
  return twin.ok ? ok({ ...others, initialTwin: twin.value }) : twin;
}

function oneSpelling(text: string): Result<string> {
  const refuse = (reason: string): Result<string> => failed(batchFault('initial-twin-malformed', { reason }));
  let twin: unknown;
  try {
    twin = JSON.parse(text);
  } catch {
    return refuse('it is not JSON');
  }
  if (!isObject(twin)) return refuse('it is not an object');
  const { tags, properties, ...others } = twin;
  const [stranger] = Object.keys(others);
  if (stranger !== undefined) return refuse(`"${stranger.slice(0, 40)}" is not part of a twin`);
  if (tags !== undefined && !isObject(tags)) return refuse('"tags" is not an object');
  if (properties === undefined) return ok(JSON.stringify(twin));
  if (!isObject(properties)) return refuse('"properties" is not an object');
  if (Object.keys(properties).some((key) => key !== 'desired')) return refuse('only "desired" properties can be set');
  if (properties['desired'] !== undefined && !isObject(properties['desired'])) {
    return refuse('"desired" is not an object');
  }
  return ok(JSON.stringify(twin));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
