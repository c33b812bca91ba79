/** Decides what a registration will do at the hubs, before anything is done there (dps-wire 8.2, 8.3, 10.1). */
import { toBase64 } from '../../lib/base/bytes.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { allocate } from './allocation.ts';
import type { Proven } from './claim.ts';
import { registrationErrors, type ServiceFault } from './faults.ts';
import { hmacKeyBytes, sealedKey, type SealingParts } from './tpm-proof.ts';
import type { Store } from './ports.ts';
import type { AllocationDefault, Enrollment, HubAuthentication, LinkedHub, Plan, Registration } from './records.ts';

export interface PlanningParts extends SealingParts {
  readonly store: Store;
}

export interface Planned {
  readonly plan: Plan;
  readonly hubKeyBlob: string | undefined;
}

/** And the group that the device came in through last, when it is another one now. */
export type PlannedMove = Planned & { readonly fromGroup: string | undefined };

export interface PlanningInput {
  readonly attested: Proven;
  readonly registrationId: string;
  readonly registrationKey: string;
  /** Of the certificate issued for the device's request, SHA-256, lower-case hexadecimal. */
  readonly leaf: string | undefined;
  /** What the device sent along. */
  readonly payload: unknown;
}

export async function planRegistration(
  parts: PlanningParts,
  input: PlanningInput,
): Promise<Result<PlannedMove, ServiceFault>> {
  const { store } = parts;
  const { enrollment } = input.attested;
  const before = await store.registration(input.registrationKey);
  if (!before.ok) return before;
  const hubs = await store.linkedHubs();
  if (!hubs.ok) return hubs;
  const serviceDefault = await store.allocationDefault();
  if (!serviceDefault.ok) return serviceDefault;
  const hub = chosenHub(
    {
      hubs: hubs.value,
      serviceDefault: serviceDefault.value,
      registrationKey: input.registrationKey,
      payload: input.payload,
    },
    enrollment,
    before.value,
  );
  const fromGroup = groupLeft(before.value, enrollment);
  if (hub === undefined) return ok({ plan: refusal(registrationErrors.noHub), hubKeyBlob: undefined, fromGroup });
  // In the spelling it had first: hubs tell ids apart by case, devices do not always keep to one (dps-wire 0.1).
  const deviceId = enrollment.deviceId ?? before.value?.id ?? input.registrationId;
  // Whether another registration has this device, the store tells when the plan is kept.
  const credential = credentialOf(parts, input);
  if (!credential.ok) return credential;
  const { authentication, hubKeyBlob } = credential.value;
  const assign = { is: 'assign', hub, deviceId, authentication, iotEdge: enrollment.iotEdge } as const;
  return ok({
    plan: { ...assign, ...moveOf(enrollment, placeOf(before.value), { hub, deviceId, hubs: hubs.value }) },
    hubKeyBlob,
    fromGroup,
  });
}

/** A registration is the id's alone, whichever enrollment proves it: a device may move (docs/decisions/0012). */
function groupLeft(before: Registration | undefined, now: Enrollment): string | undefined {
  const isOther = now.kind === 'group' && before?.groupKey !== now.key;
  return isOther ? before?.groupKey : undefined;
}

function refusal(error: { readonly code: number; readonly message: string }): Plan {
  return { is: 'refuse', errorCode: error.code, errorMessage: error.message };
}

interface Choice {
  readonly hubs: readonly LinkedHub[];
  readonly serviceDefault: AllocationDefault;
  readonly registrationKey: string;
  readonly payload: unknown;
}

/** dps-wire 8.3: without `updateHubAssignment` a device stays where it is as long as that hub is linked. */
function chosenHub(choice: Choice, enrollment: Enrollment, before: Registration | undefined): string | undefined {
  const stays =
    !enrollment.reprovision.updateHubAssignment && choice.hubs.some((hub) => hub.hostName === before?.assignedHub);
  return stays ? before?.assignedHub : allocate({ ...choice, enrollment });
}

type Move = Pick<Plan & { readonly is: 'assign' }, 'substatus' | 'twin' | 'movesFrom' | 'isThere'>;

interface Place {
  readonly hub: string;
  readonly deviceId: string;
}

function moveOf(
  enrollment: Enrollment,
  from: Place | undefined,
  to: Place & { readonly hubs: readonly LinkedHub[] },
): Move {
  if (from === undefined) return { substatus: 'initialAssignment', twin: enrollment.initialTwin, movesFrom: undefined };
  // Where it lives already, its twin is its own.
  if (from.hub === to.hub && from.deviceId === to.deviceId) {
    return { substatus: 'initialAssignment', twin: undefined, movesFrom: undefined, isThere: true };
  }
  // A hub that was unlinked keeps its device (dps-wire 8.2); nothing can be taken along from there.
  const isReachable = to.hubs.some((hub) => hub.hostName === from.hub);
  if (!isReachable) return { substatus: 'deviceDataReset', twin: enrollment.initialTwin, movesFrom: undefined };
  return enrollment.reprovision.migrateDeviceData
    ? { substatus: 'deviceDataMigrated', twin: undefined, movesFrom: from }
    : { substatus: 'deviceDataReset', twin: enrollment.initialTwin, movesFrom: from };
}

function placeOf(before: Registration | undefined): Place | undefined {
  const { assignedHub, deviceId } = before ?? {};
  return assignedHub === undefined || deviceId === undefined ? undefined : { hub: assignedHub, deviceId };
}

interface Credential {
  readonly authentication: HubAuthentication;
  readonly hubKeyBlob: string | undefined;
}

/** dps-wire 10.1: keys as they are, TPM as `sas` with a key of its own, certificates as `selfSigned` by thumbprint. */
function credentialOf(parts: SealingParts, { attested, leaf }: PlanningInput): Result<Credential, ServiceFault> {
  if (leaf !== undefined) return ok(byLeaf(leaf));
  if (attested.is === 'tpm') {
    const { random } = parts;
    const key = random.bytes(hmacKeyBytes);
    const blob = sealedKey(parts, { ...attested.challenge, key });
    if (!blob.ok) return blob;
    const secondaryKey = toBase64(random.bytes(hmacKeyBytes));
    const authentication = { type: 'sas', primaryKey: toBase64(key), secondaryKey } as const;
    return ok({ authentication, hubKeyBlob: toBase64(blob.value) });
  }
  if (attested.is === 'symmetricKey') {
    return ok({ authentication: { type: 'sas', ...attested.keys }, hubKeyBlob: undefined });
  }
  return ok({ authentication: thumbprintsOf(attested.enrollment, attested.thumbprint), hubKeyBlob: undefined });
}

/** The issued certificate is how the device comes to its hub, whatever it has proven itself with here. */
function byLeaf(leaf: string): Credential {
  const thumbprint = leaf.toUpperCase();
  const authentication = {
    type: 'selfSigned',
    primaryThumbprint: thumbprint,
    secondaryThumbprint: thumbprint,
  } as const;
  return { authentication, hubKeyBlob: undefined };
}

/** A group's device by its leaf alone; an individual by what its enrollment holds, the primary twice if it is alone. */
function thumbprintsOf(enrollment: Enrollment, leaf: string): HubAuthentication {
  const { attestation } = enrollment;
  const held = enrollment.kind === 'individual' && attestation.type === 'x509' ? attestation : undefined;
  const primary = held?.primary?.thumbprint ?? held?.secondary?.thumbprint ?? leaf;
  const secondary = held?.secondary?.thumbprint ?? primary;
  return {
    type: 'selfSigned',
    primaryThumbprint: primary.toUpperCase(),
    secondaryThumbprint: secondary.toUpperCase(),
  };
}
