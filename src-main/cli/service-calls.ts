/** What a supervisor asks of a running service from the command line: hubs, policy, lists, enrollments by hand. */
import { isIP } from 'node:net';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { serviceAllocationPolicies, type RegistrationRow } from '../lib/dps/control-client.ts';
import type { Page, PageRequest } from '../lib/dps/service-client.ts';
import { wholeNumber } from './options.ts';
import { table, type CallAnswer, type CallRequest, type ServiceCall } from './service-call.ts';
import { caCall } from './service-cas.ts';
import { enrollCall, enrollGroupCall, unenrollCall } from './service-enroll-calls.ts';
import { hubCall } from './service-hub-call.ts';
import { deviceKeyCall } from './service-keys.ts';
import { signerCall } from './service-signers.ts';
import { disableCall, enableCall } from './service-switches.ts';
import { connectionStringIn } from './service-target.ts';
import { cliFault } from './verb.ts';

export const serviceCalls: Readonly<Record<string, ServiceCall>> = {
  'link-hub': {
    usage: 'link-hub --connection-string-file FILE|- [--weight 1..1000]   (the service by --data or --ready-file)',
    takesHubString: true,
    options: ['weight'],
    run: linkHub,
  },
  'unlink-hub': { usage: 'unlink-hub HOST', words: 1, run: unlinkHub },
  policy: { usage: 'policy [hashed|static]', words: 1, run: policy },
  enroll: enrollCall,
  'enroll-group': enrollGroupCall,
  unenroll: unenrollCall,
  disable: disableCall,
  enable: enableCall,
  'device-key': deviceKeyCall,
  ca: caCall,
  signer: signerCall,
  hubs: { usage: 'hubs', run: listHubs },
  'hub-call': hubCall,
  enrollments: { usage: 'enrollments', run: listEnrollments },
  registrations: { usage: 'registrations', run: listRegistrations },
};

async function linkHub(request: CallRequest): Promise<Result<CallAnswer>> {
  const { values, target } = request;
  const given = await connectionStringIn(values);
  if (!given.ok) return given;
  const connectionString = given.value;
  if (connectionString === undefined) return failed(cliFault('option-missing', { option: '--connection-string-file' }));
  const weight = wholeNumber('weight', values.weight, { from: 1, to: 1_000 });
  if (!weight.ok) return weight;
  const allocation = weight.value === undefined ? {} : { allocationWeight: weight.value };
  const hub = await target.control.linkHub({ connectionString, ...allocation });
  if (!hub.ok) return hub;
  const { hostName, allocationWeight } = hub.value;
  return ok({ json: hub.value, lines: [`${hostName} is linked with weight ${allocationWeight}.`] });
}

async function unlinkHub({ words, target }: CallRequest): Promise<Result<CallAnswer>> {
  const [hostName] = words;
  if (hostName === undefined) return failed(cliFault('option-missing', { option: 'The host name of the hub' }));
  const done = await target.control.unlinkHub(hostName);
  return done.ok
    ? ok({ json: { hostName }, lines: [`${hostName} is no longer linked; its devices stay there.`] })
    : done;
}

async function policy({ words, target }: CallRequest): Promise<Result<CallAnswer>> {
  const [asked] = words;
  if (asked === undefined) {
    const current = await target.control.allocationPolicy();
    return current.ok ? ok({ json: { policy: current.value }, lines: [current.value] }) : current;
  }
  const wanted = serviceAllocationPolicies.find((known) => known === asked);
  if (wanted === undefined) {
    const known = serviceAllocationPolicies.join(' or ');
    return failed(cliFault('option-wrong', { option: 'The policy', value: asked, wanted: known }));
  }
  const done = await target.control.setAllocationPolicy(wanted);
  return done.ok ? ok({ json: { policy: wanted }, lines: [`The policy is ${wanted}.`] }) : done;
}

async function listHubs({ target }: CallRequest): Promise<Result<CallAnswer>> {
  const hubs = await target.control.linkedHubs();
  if (!hubs.ok) return hubs;
  const rows = hubs.value.map(({ hostName, allocationWeight, applyAllocationPolicy }) => [
    hostName,
    `weight ${allocationWeight}`,
    applyAllocationPolicy ? 'takes new devices' : 'takes none',
  ]);
  return ok({ json: hubs.value, lines: table(rows, 'No hub is linked.') });
}

async function listEnrollments({ target }: CallRequest): Promise<Result<CallAnswer>> {
  const groups = await everything((page) => target.service.groups.query(page));
  if (!groups.ok) return groups;
  const enrollments = await everything((page) => target.service.enrollments.query(page));
  if (!enrollments.ok) return enrollments;
  const rows = [
    ...groups.value.map((group) => ['group', group.enrollmentGroupId, group.attestation.type, statusOf(group)]),
    ...enrollments.value.map((each) => ['individual', each.registrationId, each.attestation.type, statusOf(each)]),
  ];
  const json = { enrollmentGroups: groups.value, enrollments: enrollments.value };
  return ok({ json, lines: table(rows, 'Nothing is enrolled.') });
}

/** What lets nobody in is seen; the usual is not said. */
function statusOf({ provisioningStatus }: { readonly provisioningStatus?: string | null | undefined }): string {
  return provisioningStatus === 'disabled' ? 'disabled' : '';
}

async function listRegistrations({ target }: CallRequest): Promise<Result<CallAnswer>> {
  const registrations = await everything((page) => target.control.registrations(page));
  if (!registrations.ok) return registrations;
  const rows = registrations.value.map(({ registrationId, status, assignedHub, deviceId, ...failure }) => [
    registrationId,
    status,
    hostShown(assignedHub),
    deviceId ?? '',
    reasonOf(failure),
  ]);
  return ok({ json: registrations.value, lines: table(rows, 'No device has registered.') });
}

function reasonOf({ errorCode, errorMessage }: Pick<RegistrationRow, 'errorCode' | 'errorMessage'>): string {
  return [errorCode ?? [], errorMessage ?? []].flat().join(' ');
}

function hostShown(host: string | null): string {
  if (host === null) return '-';
  return isIP(host) === 0 ? host : `hub ${host}`;
}

const pageSize = 500;
const maxPages = 2_000; // a million rows: beyond that a list on a terminal is no answer

async function everything<Item>(
  ask: (page: PageRequest) => Promise<Result<Page<Item>>>,
): Promise<Result<readonly Item[]>> {
  const items: Item[] = [];
  let continuation: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const answer = await ask({ maxItems: pageSize, continuation });
    if (!answer.ok) return answer;
    items.push(...answer.value.items);
    continuation = answer.value.continuation;
    if (continuation === undefined) break;
  }
  return ok(items);
}
