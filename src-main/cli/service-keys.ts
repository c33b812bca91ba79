/** `benchline service device-key`: the symmetric key that goes into a device (dps-wire 6). */
import { fromBase64, toBase64, utf8 } from '../lib/base/bytes.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { hmacSha256 } from '../lib/dps/sas.ts';
import type { CallAnswer, CallRequest, ServiceCall } from './service-call.ts';
import { cliFault } from './verb.ts';

export const deviceKeyCall: ServiceCall = {
  usage: 'device-key --registration-id ID [--group ID]   (prints the key: of the group derived for it, or its own)',
  options: ['registration-id', 'group'],
  run: deviceKey,
};

async function deviceKey({ values, target }: CallRequest): Promise<Result<CallAnswer>> {
  const { 'registration-id': registrationId, group } = values;
  if (registrationId === undefined) return failed(cliFault('option-missing', { option: '--registration-id' }));
  const attestation =
    group === undefined
      ? await target.service.enrollments.attestation(registrationId)
      : await target.service.groups.attestation(group);
  if (!attestation.ok) return attestation;
  const { primaryKey, secondaryKey } = attestation.value.symmetricKey ?? {};
  const keys = [primaryKey, secondaryKey].map((text) => fromBase64(text ?? '?'));
  const [primary, secondary] = keys.map((key) => key && (group === undefined ? key : derived(key, registrationId)));
  if (primary === undefined || secondary === undefined) {
    return failed(cliFault('no-symmetric-key', { id: group ?? registrationId }));
  }
  const json = { registrationId, primaryKey: toBase64(primary), secondaryKey: toBase64(secondary) };
  return ok({ json, lines: [json.primaryKey] });
}

function derived(groupKey: Uint8Array, registrationId: string): Uint8Array {
  return hmacSha256(groupKey, utf8(registrationId));
}
