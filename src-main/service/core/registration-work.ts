/** The work of one registration: the device is written to its hub, then the operation is finished in the store. */
import { nameOf } from '../../lib/base/background.ts';
import { backoffMs } from '../../lib/base/backoff.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { isTransient, retryAfterMs } from '../../lib/dps/faults.ts';
import { registrationErrors } from './faults.ts';
import type { HubRegistry, Store } from './ports.ts';
import { keyOf, type LinkedHub, type Operation, type Plan, type RegistrationOutcome } from './records.ts';

export interface WorkerParts {
  readonly store: Store;
  readonly hubs: HubRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

// A device waits minutes, not hours (the SDKs stop polling long before): then it is told, and starts over.
const giveUpAfterMs = 4 * 60_000;
export const hubBackoff = { firstMs: 250, maxMs: 10_000 };

/** Whether the store has what became of it; a bug is told by its name alone, since its text may hold a key. */
export async function workSafely(parts: WorkerParts, operation: Operation): Promise<boolean> {
  try {
    return await workOff(parts, operation);
  } catch (error) {
    parts.log.error('registration-broke', { operation: operation.id, error: nameOf(error) });
    return false;
  }
}

async function workOff(parts: WorkerParts, operation: Operation): Promise<boolean> {
  const outcome = await outcomeOf(parts, operation);
  if (outcome.ok) return finish(parts, operation, outcome.value);
  const { fault } = outcome;
  const nowMs = parts.clock.nowMs();
  parts.log.warn('hub-write-failed', { operation: operation.id, code: fault.code, attempt: operation.attempts + 1 });
  if (!isTransient(fault) || nowMs - operation.createdMs > giveUpAfterMs) {
    return finish(parts, operation, refusalBy(fault));
  }
  const waitMs = retryAfterMs(fault) ?? backoffMs(operation.attempts + 1, parts.random.fraction(), hubBackoff);
  const postponed = await parts.store.postponeOperation(operation.id, nowMs + waitMs);
  if (!postponed.ok) parts.log.error('operation-not-postponed', { code: postponed.fault.code });
  return postponed.ok;
}

async function finish(parts: WorkerParts, operation: Operation, outcome: RegistrationOutcome): Promise<boolean> {
  const finished = { id: operation.id, outcome, etag: parts.random.uuid(), nowMs: parts.clock.nowMs() };
  const kept = await parts.store.finishOperations([finished]);
  const facts = {
    operation: operation.id,
    registrationId: operation.registrationKey,
    status: outcome.status,
    ...(outcome.status === 'assigned'
      ? { hub: outcome.assignedHub }
      : { ...plannedHub(operation), errorCode: outcome.errorCode }),
  };
  if (kept.ok) parts.log.info('registration-finished', facts);
  // It stays pending and is worked off again.
  else parts.log.error('registration-not-kept', { ...facts, code: kept.fault.code });
  return kept.ok;
}

function plannedHub({ plan }: Operation): { readonly hub?: string } {
  return plan?.is === 'assign' ? { hub: plan.hub } : {};
}

function refusalBy(fault: Fault): RegistrationOutcome {
  const { hubUnauthorized, hubRefused, hubAway } = registrationErrors;
  if (fault.code === 'call-unauthorized') {
    return { status: 'failed', errorCode: hubUnauthorized.code, errorMessage: hubUnauthorized.message };
  }
  if (isTransient(fault)) return { status: 'failed', errorCode: hubAway.code, errorMessage: hubAway.message };
  return { status: 'failed', errorCode: hubRefused.code, errorMessage: `${hubRefused.message}: ${fault.code}` };
}

async function outcomeOf(parts: WorkerParts, operation: Operation): Promise<Result<RegistrationOutcome>> {
  const { plan } = operation;
  if (plan === undefined) throw new Error('a pending operation has a plan');
  if (plan.is === 'refuse') {
    return ok({ status: 'failed', errorCode: plan.errorCode, errorMessage: plan.errorMessage });
  }
  const believed = await isStillBelieved(parts, operation);
  if (!believed.ok) return believed;
  if (!believed.value) return ok(failureOf(registrationErrors.enrollmentGone));
  // The store gave the place to this registration when it began; it may have been given away since, by a person.
  const holder = await parts.store.registrationOfDevice(plan.hub, plan.deviceId);
  if (!holder.ok) return holder;
  // Nobody has it: the registration was removed, and nothing would tell whose the device in the hub is.
  if (holder.value === undefined) return ok(failureOf(registrationErrors.registrationGone));
  if (holder.value !== operation.registrationKey) return ok(failureOf(registrationErrors.deviceIdTaken));
  const linked = await parts.store.linkedHubs();
  if (!linked.ok) return linked;
  const hub = linked.value.find((one) => one.hostName === plan.hub);
  if (hub === undefined) {
    return ok(failureOf(registrationErrors.noHub));
  }
  const from = linked.value.find((one) => one.hostName === plan.movesFrom?.hub);
  const written = await writeToHubs(parts.hubs, plan, { hub, from });
  if (!written.ok) return written;
  return ok({ status: 'assigned', assignedHub: plan.hub, deviceId: plan.deviceId, substatus: plan.substatus });
}

/** A person may have disabled or removed the enrollment while the hub could not be written. */
async function isStillBelieved({ store }: WorkerParts, operation: Operation): Promise<Result<boolean>> {
  const { groupId, registrationKey } = operation;
  const held =
    groupId === undefined ? store.enrollment('individual', registrationKey) : store.enrollment('group', keyOf(groupId));
  const enrollment = await held;
  return enrollment.ok ? ok(enrollment.value?.enabled === true) : enrollment;
}

function failureOf(error: { readonly code: number; readonly message: string }): RegistrationOutcome {
  return { status: 'failed', errorCode: error.code, errorMessage: error.message };
}

/** The new place is whole before the old one is cleared. */
async function writeToHubs(
  hubs: HubRegistry,
  plan: Plan & { readonly is: 'assign' },
  places: { readonly hub: LinkedHub; readonly from: LinkedHub | undefined },
): Promise<Result<void>> {
  const { hub, from } = places;
  const device = { deviceId: plan.deviceId, authentication: plan.authentication, iotEdge: plan.iotEdge };
  const put = await hubs.putDevice(hub, device);
  if (!put.ok) return put;
  const oldId = plan.movesFrom?.deviceId;
  const moves = from !== undefined && oldId !== undefined;
  let twin = plan.twin;
  if (moves && plan.substatus === 'deviceDataMigrated') {
    const old = await hubs.readTwin(from, oldId);
    if (!old.ok) return failed(old.fault);
    twin = old.value;
  }
  if (twin !== undefined) {
    const twinned = await hubs.writeTwin(hub, plan.deviceId, twin);
    if (!twinned.ok) return twinned;
  }
  return moves ? hubs.removeDevice(from, oldId) : ok();
}
