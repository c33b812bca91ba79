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
import { isStillBelieved } from './poll-proof.ts';
import type { HubRegistry, Store } from './ports.ts';
import type { LinkedHub, Operation, Plan, RegistrationOutcome } from './records.ts';

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
  const progress = { isWritten: operation.isWritten };
  const outcome = await outcomeOf(parts, operation, progress);
  if (outcome.ok) return finish(parts, { operation, progress }, outcome.value);
  const { fault } = outcome;
  const nowMs = parts.clock.nowMs();
  parts.log.warn('hub-write-failed', { operation: operation.id, code: fault.code, attempt: operation.attempts + 1 });
  if (!isTransient(fault) || nowMs - operation.createdMs > giveUpAfterMs) {
    return finish(parts, { operation, progress }, refusalBy(fault));
  }
  const waitMs = retryAfterMs(fault) ?? backoffMs(operation.attempts + 1, parts.random.fraction(), hubBackoff);
  const postponed = await parts.store.postponeOperation(operation.id, { dueMs: nowMs + waitMs, ...progress });
  if (!postponed.ok) parts.log.error('operation-not-postponed', { code: postponed.fault.code });
  return postponed.ok;
}

interface Progress {
  /** The device may be in the hub that is planned. */
  isWritten: boolean;
}

interface Worked {
  readonly operation: Operation;
  readonly progress: Progress;
}

async function finish(parts: WorkerParts, worked: Worked, outcome: RegistrationOutcome): Promise<boolean> {
  const { operation } = worked;
  const keepsPlace = outcome.status === 'failed' && !(await isUndone(parts, worked));
  const finished = { id: operation.id, outcome, etag: parts.random.uuid(), nowMs: parts.clock.nowMs(), keepsPlace };
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

/**
 * Who is told that it failed has no device in the hub: what was put there is taken away again, unless it lived there
 * before or has become another's. False when it could not be: then nobody else is given its place.
 */
async function isUndone(parts: WorkerParts, { operation, progress }: Worked): Promise<boolean> {
  const { plan, registrationKey } = operation;
  if (plan?.is !== 'assign' || plan.isThere === true || !progress.isWritten) return true;
  const stays = await belongsThere(parts.store, operation, plan);
  if (stays.ok && stays.value) return true;
  const linked = await parts.store.linkedHubs();
  const hub = linked.ok && stays.ok ? linked.value.find((one) => one.hostName === plan.hub) : undefined;
  const removed = hub === undefined ? undefined : await parts.hubs.removeDevice(hub, plan.deviceId);
  if (removed?.ok === true) return true;
  const facts = { operation: operation.id, registrationId: registrationKey, hub: plan.hub, deviceId: plan.deviceId };
  parts.log.warn('device-left-in-hub', facts);
  return false;
}

/** It lives there by an earlier registration, or is another's by now. */
async function belongsThere(
  store: Store,
  { registrationKey }: Operation,
  plan: Plan & { readonly is: 'assign' },
): Promise<Result<boolean>> {
  const registration = await store.registration(registrationKey);
  if (!registration.ok) return registration;
  const { assignedHub, deviceId } = registration.value ?? {};
  if (assignedHub === plan.hub && deviceId === plan.deviceId) return ok(true);
  const holder = await store.registrationOfDevice(plan.hub, plan.deviceId);
  return holder.ok ? ok(holder.value !== undefined && holder.value !== registrationKey) : holder;
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

async function outcomeOf(
  parts: WorkerParts,
  operation: Operation,
  progress: Progress,
): Promise<Result<RegistrationOutcome>> {
  const { plan } = operation;
  if (plan === undefined) throw new Error('a pending operation has a plan');
  if (plan.is === 'refuse') {
    return ok({ status: 'failed', errorCode: plan.errorCode, errorMessage: plan.errorMessage });
  }
  const believed = await isStillBelieved(parts.store, operation);
  if (!believed.ok) return believed;
  if (!believed.value) return ok(failureOf(registrationErrors.enrollmentGone));
  const lost = await lossOfPlace(parts.store, operation, plan);
  if (!lost.ok) return lost;
  if (lost.value !== undefined) return ok(lost.value);
  const linked = await parts.store.linkedHubs();
  if (!linked.ok) return linked;
  const hub = linked.value.find((one) => one.hostName === plan.hub);
  if (hub === undefined) {
    return ok(failureOf(registrationErrors.noHub));
  }
  const from = linked.value.find((one) => one.hostName === plan.movesFrom?.hub);
  const written = await writeToHubs(parts.hubs, plan, { hub, from, progress });
  if (!written.ok) return written;
  // A person may have removed the registration while its hub was written.
  const lostSince = await lossOfPlace(parts.store, operation, plan);
  if (!lostSince.ok) return lostSince;
  if (lostSince.value !== undefined) return ok(lostSince.value);
  return ok({ status: 'assigned', assignedHub: plan.hub, deviceId: plan.deviceId, substatus: plan.substatus });
}

/** The store gave the place to this registration when it began; it may have been given away since, by a person. */
async function lossOfPlace(
  store: Store,
  { registrationKey }: Operation,
  plan: Plan & { readonly is: 'assign' },
): Promise<Result<RegistrationOutcome | undefined>> {
  const holder = await store.registrationOfDevice(plan.hub, plan.deviceId);
  if (!holder.ok) return holder;
  // Nobody has it: the registration was removed, and nothing would tell whose the device in the hub is.
  if (holder.value === undefined) return ok(failureOf(registrationErrors.registrationGone));
  return ok(holder.value === registrationKey ? undefined : failureOf(registrationErrors.deviceIdTaken));
}

function failureOf(error: { readonly code: number; readonly message: string }): RegistrationOutcome {
  return { status: 'failed', errorCode: error.code, errorMessage: error.message };
}

/** The new place is whole before the old one is cleared. */
async function writeToHubs(
  hubs: HubRegistry,
  plan: Plan & { readonly is: 'assign' },
  places: { readonly hub: LinkedHub; readonly from: LinkedHub | undefined; readonly progress: Progress },
): Promise<Result<void>> {
  const { hub, from, progress } = places;
  const device = { deviceId: plan.deviceId, authentication: plan.authentication, iotEdge: plan.iotEdge };
  const put = await hubs.putDevice(hub, device);
  if (!put.ok) return put;
  progress.isWritten = true;
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
