/** `benchline service enroll`, `enroll-group` and `unenroll`: what is enrolled by hand, and taken away again. */
import { failed, ok, type Result } from '../lib/base/result.ts';
import type { CallAnswer, CallRequest, ServiceCall } from './service-call.ts';
import { groupEnrollment, individualEnrollment } from './service-enroll.ts';
import { ownerIn } from './service-signers.ts';
import { cliFault } from './verb.ts';

const common = ['certificate', 'ca-name', 'secondary-ca-name', 'hub', 'allocation'] as const;
const allocation = '[--hub HOST] [--allocation hashed|static]';

export const enrollCall: ServiceCall = {
  usage: `enroll (--tpm-ek FILE|BASE64 | --certificate FILE | --ca-name NAME | --symmetric-key) [--registration-id ID] [--device-id ID] ${allocation}`,
  options: [...common, 'tpm-ek', 'registration-id', 'device-id'],
  flags: ['symmetric-key'],
  run: enroll,
};

export const enrollGroupCall: ServiceCall = {
  usage: `enroll-group --id ID (--certificate FILE | --ca-name NAME [--secondary-ca-name NAME] | --symmetric-key) ${allocation}`,
  options: [...common, 'id'],
  flags: ['symmetric-key'],
  run: enrollGroup,
};

export const unenrollCall: ServiceCall = {
  usage: 'unenroll (--registration-id ID | --group ID)',
  options: ['registration-id', 'group'],
  run: unenroll,
};

async function enroll(request: CallRequest): Promise<Result<CallAnswer>> {
  const { values, flags, target } = request;
  const enrollment = await individualEnrollment(values, flags.has('symmetric-key'));
  if (!enrollment.ok) return enrollment;
  const id = enrollment.value.registrationId;
  const there = await target.service.enrollments.get(id);
  if (there.ok) return failed(cliFault('enrollment-exists', { id, option: '--registration-id' }));
  if (there.fault.code !== 'not-found') return there;
  const hub = await checkedHub(request);
  if (!hub.ok) return hub;
  const put = await target.service.enrollments.put(enrollment.value);
  return put.ok ? ok({ json: put.value, lines: [`${put.value.registrationId} is enrolled.`] }) : put;
}

async function enrollGroup(request: CallRequest): Promise<Result<CallAnswer>> {
  const { values, flags, target } = request;
  const group = await groupEnrollment(values, flags.has('symmetric-key'));
  if (!group.ok) return group;
  const id = group.value.enrollmentGroupId;
  const there = await target.service.groups.get(id);
  if (there.ok) return failed(cliFault('enrollment-exists', { id, option: '--group' }));
  if (there.fault.code !== 'not-found') return there;
  const hub = await checkedHub(request);
  if (!hub.ok) return hub;
  const put = await target.service.groups.put(group.value);
  return put.ok ? ok({ json: put.value, lines: [`The group ${put.value.enrollmentGroupId} is enrolled.`] }) : put;
}

/** A hub that is not linked would be seen only when the first device registers, and fails. */
async function checkedHub({ values, target, warn }: CallRequest): Promise<Result<void>> {
  const { hub, allocation: own } = values;
  if (hub === undefined) {
    const policy = own === undefined ? await target.control.allocationPolicy() : ok(own);
    if (!policy.ok) return policy;
    if (policy.value === 'static') warn('The policy is static: without --hub HOST no device of it is assigned a hub.');
    return ok();
  }
  const linked = await target.control.linkedHubs();
  if (!linked.ok) return linked;
  const names = linked.value.map(({ hostName }) => hostName);
  if (names.some((name) => name.toLowerCase() === hub.toLowerCase())) return ok();
  const wanted = names.length === 0 ? 'a linked hub, and none is linked' : `a linked hub: ${names.join(', ')}`;
  return failed(cliFault('option-wrong', { option: '--hub', value: hub, wanted }));
}

async function unenroll({ values, target }: CallRequest): Promise<Result<CallAnswer>> {
  const owner = ownerIn(values);
  if (!owner.ok) return owner;
  const { kind, id } = owner.value;
  const removed = await target.service[kind === 'group' ? 'groups' : 'enrollments'].delete(id);
  if (!removed.ok) return removed;
  return ok({ json: owner.value, lines: [`${kind === 'group' ? 'The group ' : ''}${id} is no longer enrolled.`] });
}
