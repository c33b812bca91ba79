/** `benchline service disable` and `enable`: who is let in, without losing what is enrolled. */
import { ok, type Result } from '../lib/base/result.ts';
import type { Enrollments } from '../lib/dps/service-client.ts';
import type { CallAnswer, CallRequest, ServiceCall } from './service-call.ts';
import { ownerIn } from './service-signers.ts';

const owner = '(--registration-id ID | --group ID)';
const takes = { options: ['registration-id', 'group'] } as const;

export const disableCall: ServiceCall = {
  usage: `disable ${owner}`,
  ...takes,
  run: (request: CallRequest) => setStatus(request, 'disabled'),
};

export const enableCall: ServiceCall = {
  usage: `enable ${owner}`,
  ...takes,
  run: (request: CallRequest) => setStatus(request, 'enabled'),
};

async function setStatus(
  { values, target }: CallRequest,
  provisioningStatus: 'enabled' | 'disabled',
): Promise<Result<CallAnswer>> {
  const named = ownerIn(values);
  if (!named.ok) return named;
  const { kind, id } = named.value;
  const changed =
    kind === 'group'
      ? await withStatus(target.service.groups, id, provisioningStatus)
      : await withStatus(target.service.enrollments, id, provisioningStatus);
  if (!changed.ok) return changed;
  const who = kind === 'group' ? `The group ${id}` : id;
  return ok({ json: { ...named.value, provisioningStatus }, lines: [`${who} is ${provisioningStatus}.`] });
}

/** A plain reading hides certificates and keys: without them the change would be one of the proof too. */
async function withStatus<Item extends { readonly etag?: string | null | undefined }>(
  enrollments: Pick<Enrollments<Item>, 'get' | 'put' | 'attestation'>,
  id: string,
  provisioningStatus: 'enabled' | 'disabled',
): Promise<Result<Item>> {
  const found = await enrollments.get(id);
  if (!found.ok) return found;
  const attestation = await enrollments.attestation(id);
  if (!attestation.ok) return attestation;
  const { etag } = found.value;
  const item = { ...found.value, attestation: attestation.value, provisioningStatus };
  return enrollments.put(item, etag ? { ifMatch: etag } : {});
}
