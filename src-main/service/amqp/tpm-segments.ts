/** The bytes of the SASL mechanism `TPM` (dps-wire 3.5). */
import { concatBytes, fromUtf8 } from '../../lib/base/bytes.ts';
import type { DeviceAddress } from './device-address.ts';

// C's own limit for what a frame carries, control byte not counted.
const maxSegmentBytes = 470;

const control = { valid: 0x80, last: 0x40 };

/**
 * Rule 8: exactly two, `80` and `C1`, because one client knows no other bytes. Undefined when the blob does not fit, or
 * is too short for two.
 */
export function tpmSegments(blob: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  if (blob.length < 2 || blob.length > 2 * maxSegmentBytes) return undefined;
  const cut = Math.min(maxSegmentBytes, blob.length - 1);
  return [
    concatBytes(Uint8Array.of(control.valid), blob.subarray(0, cut)),
    concatBytes(Uint8Array.of(control.valid | control.last | 1), blob.subarray(cut)),
  ];
}

export type TpmInit = DeviceAddress & { readonly endorsementKey: Uint8Array };

/** `00 scope 00 rid 00 EK`. Undefined when it is not; C could split a longer one, with another first byte. */
export function parseTpmInit(bytes: Uint8Array): TpmInit | undefined {
  const idEnd = secondZero(bytes);
  const body = payloadOf(bytes);
  if (body === undefined || idEnd === undefined) return undefined;
  const [idScope = '', registrationId = ''] = fromUtf8(bytes.subarray(1, idEnd))?.split('\0') ?? [];
  const endorsementKey = bytes.slice(idEnd + 1);
  if (idScope === '' || registrationId === '' || endorsementKey.length === 0) return undefined;
  return { idScope, registrationId, endorsementKey };
}

/** Where the registration id ends: at the second zero after the first byte. */
function secondZero(bytes: Uint8Array): number | undefined {
  const scopeEnd = bytes.indexOf(0, 1);
  const idEnd = scopeEnd < 0 ? -1 : bytes.indexOf(0, scopeEnd + 1);
  return idEnd < 0 ? undefined : idEnd;
}

/** What follows the leading `00`; undefined when another byte leads. */
export function payloadOf(bytes: Uint8Array): Uint8Array | undefined {
  return bytes[0] === 0 ? bytes.slice(1) : undefined;
}
