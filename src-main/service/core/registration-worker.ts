/**
 * Works off the registrations that are in the store: writes the device to its hub, then finishes the operation. Every
 * hub write may be repeated, so after a crash the same work is simply done again (design section 6).
 */
import { backoffMs } from '../../lib/base/backoff.ts';
import { sleep, type Clock } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { isTransient, retryAfterMs } from '../../lib/dps/faults.ts';
import { registrationErrors } from './faults.ts';
import type { HubRegistry, Store } from './ports.ts';
import type { LinkedHub, Operation, Plan, RegistrationOutcome } from './records.ts';

export interface WorkerParts {
  readonly store: Store;
  readonly hubs: HubRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface RegistrationWorker {
  /** There is new work in the store. */
  wake(): void;
  /** Resolves when nothing is under way; what is left waits in the store for the next start. */
  stop(): Promise<void>;
}

// Hub writes at once: hides their round trips.
const maxAtOnce = 16;
// A hub that hangs takes its share and no more.
const maxAtOneHub = 8;
// Read at a time from the store: enough that one hub's backlog does not hide the others' work.
const batchSize = 256;
// A device waits minutes, not hours (the SDKs stop polling long before): then it is told, and starts over.
const giveUpAfterMs = 4 * 60_000;
const hubBackoff = { firstMs: 250, maxMs: 10_000 };
// Postponed work and a store that failed are looked at again after this.
const lookAgainMs = 500;
// Polls of a finished operation stop within minutes (rule 20).
const keepDoneMs = 60 * 60_000;
const purgeEveryMs = 5 * 60_000;
const purgeBatch = 500;

export function createRegistrationWorker(parts: WorkerParts): RegistrationWorker {
  const underWay = new Map<string, { readonly hub: string; readonly place: string; readonly work: Promise<void> }>();
  // Bounded by the keys that fail now: one that is kept at last leaves it.
  const heldBack = new Map<string, { readonly failures: number; readonly untilMs: number }>();
  let isStopped = false;
  let awake: () => void = () => undefined;
  let hasNews = true;
  let purgedMs = Number.NEGATIVE_INFINITY;

  const news = (): void => {
    hasNews = true;
    awake();
  };
  const untilNews = async (): Promise<void> => {
    if (hasNews || isStopped) return;
    const wait = new AbortController();
    awake = () => {
      wait.abort();
    };
    await sleep(parts.clock, lookAgainMs, wait.signal);
  };
  const begin = (operation: Operation): void => {
    const hub = operation.plan?.is === 'assign' ? operation.plan.hub : '';
    const busyThere = [...underWay.values()].filter((other) => other.hub === hub).length;
    // One at a time for a device: the hub ends with the key of the newest.
    const key = operation.registrationKey;
    if (underWay.has(key) || underWay.size >= maxAtOnce || busyThere >= maxAtOneHub) return;
    if ((heldBack.get(key)?.untilMs ?? 0) > parts.clock.monotonicMs()) return;
    // Two that plan one device go one after the other, so that the second sees the first in the store.
    const place = operation.plan?.is === 'assign' ? JSON.stringify([hub, operation.plan.deviceId]) : `key ${key}`;
    if ([...underWay.values()].some((other) => other.place === place)) return;
    const work = workSafely(parts, operation).then((isKept) => {
      underWay.delete(key);
      if (isKept) heldBack.delete(key);
      else {
        const failures = (heldBack.get(key)?.failures ?? 0) + 1;
        const waitMs = backoffMs(failures, parts.random.fraction(), hubBackoff);
        heldBack.set(key, { failures, untilMs: parts.clock.monotonicMs() + waitMs });
      }
      news();
    });
    underWay.set(key, { hub, place, work });
  };
  const run = async (): Promise<void> => {
    while (!isStopped) {
      hasNews = false;
      try {
        const pending = await parts.store.pendingOperations(parts.clock.nowMs(), batchSize);
        if (pending.ok) pending.value.forEach(begin);
        else parts.log.error('pending-operations-unreadable', { code: pending.fault.code });
        if (parts.clock.monotonicMs() - purgedMs > purgeEveryMs) {
          purgedMs = parts.clock.monotonicMs();
          await purge(parts);
        }
      } catch (error) {
        parts.log.error('registration-round-broke', { error: nameOf(error) });
      }
      await untilNews();
    }
    await Promise.all([...underWay.values()].map((one) => one.work));
  };
  const running = run();
  return {
    wake: news,
    async stop() {
      isStopped = true;
      awake();
      await running;
    },
  };
}

async function purge(parts: WorkerParts): Promise<void> {
  const purged = await parts.store.purgeOperations(parts.clock.nowMs() - keepDoneMs, purgeBatch);
  if (!purged.ok) parts.log.warn('old-operations-kept', { code: purged.fault.code });
}

/** Whether the store has what became of it; a bug is told by its name alone, since its text may hold a key. */
async function workSafely(parts: WorkerParts, operation: Operation): Promise<boolean> {
  try {
    return await workOff(parts, operation);
  } catch (error) {
    parts.log.error('registration-broke', { operation: operation.id, error: nameOf(error) });
    return false;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
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
  const facts = { operation: operation.id, status: outcome.status };
  if (kept.ok) parts.log.info('registration-finished', facts);
  // It stays pending and is worked off again.
  else parts.log.error('registration-not-kept', { ...facts, code: kept.fault.code });
  return kept.ok;
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
  // Planned at the same time as another registration, both were free to take the device: the first in keeps it.
  const holder = await parts.store.registrationOfDevice(plan.hub, plan.deviceId);
  if (!holder.ok) return holder;
  if (holder.value !== undefined && holder.value !== operation.registrationKey) {
    const { code, message } = registrationErrors.deviceIdTaken;
    return ok({ status: 'failed', errorCode: code, errorMessage: message });
  }
  const linked = await parts.store.linkedHubs();
  if (!linked.ok) return linked;
  const hub = linked.value.find((one) => one.hostName === plan.hub);
  if (hub === undefined) {
    const { code, message } = registrationErrors.noHub;
    return ok({ status: 'failed', errorCode: code, errorMessage: message });
  }
  const from = linked.value.find((one) => one.hostName === plan.movesFrom?.hub);
  const written = await writeToHubs(parts.hubs, plan, { hub, from });
  if (!written.ok) return written;
  return ok({ status: 'assigned', assignedHub: plan.hub, deviceId: plan.deviceId, substatus: plan.substatus });
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
