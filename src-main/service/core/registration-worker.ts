/**
 * Works off the registrations that are in the store: writes the device to its hub, then finishes the operation. Every
 * hub write may be repeated, so after a crash the same work is simply done again (design section 6). What was just
 * begun is given to it directly; the store is looked through for what a crash, a pause or a full hand has left.
 */
import { nameOf } from '../../lib/base/background.ts';
import { sleep } from '../../lib/base/clock.ts';
import { createHeldBack } from './held-back.ts';
import type { Operation } from './records.ts';
import { workSafely, type WorkerParts } from './registration-work.ts';

export interface RegistrationWorker {
  /** An operation that is in the store now, the newest of its registration. */
  take(operation: Operation): void;
  /** There is new work in the store. */
  wake(): void;
  /** Resolves when what is in hand for this registration has ended; undefined when nothing is. */
  ended(registrationKey: string): Promise<void> | undefined;
  /** Resolves when nothing is under way; what is left waits in the store for the next start. */
  stop(): Promise<void>;
}

// Hub writes at once; those of one hub share their calls. A plan is about a kilobyte, and its
// enrollment's initial twin, which an operator gave, at most 40.
const maxAtOnce = 1_024;
// A hub that hangs takes its share and no more.
const maxAtOneHub = 128;
// Read at a time from the store: what is in hand is among it, and one hub's backlog shall not hide the others' work.
const batchSize = 2_048;
// Postponed work and a store that failed are looked at again after this.
const lookAgainMs = 500;
// What could not be taken in hand is looked for again when something has ended, but not after each.
const lookSoonMs = 20;
// Polls of a finished operation stop within minutes (rule 20).
const keepDoneMs = 60 * 60_000;
// A hall at full speed would leave a gigabyte within that hour: of some 700 bytes each, so many are 140 MB; an issued
// chain adds some kilobytes. They are six minutes of 500 a second, and no poll of five minutes finds its operation gone
// but a device's that has begun eight others since.
const keepNewest = 200_000;
const keepAtLeastMs = 5 * 60_000;
const purgeEveryMs = 60_000;
// A transaction of so many takes some milliseconds; the pauses between leave the store to the devices.
const purgeBatch = 500;
const purgePauseMs = 20;

export function createRegistrationWorker(parts: WorkerParts): RegistrationWorker {
  const { clock } = parts;
  const hand = createHand(parts);
  const stopping = new AbortController();
  let wait = new AbortController();
  const wakeUp = (): void => {
    wait.abort();
  };
  let isLookDue = false;
  hand.onEnded(() => {
    if (!hand.missed || isLookDue) return;
    isLookDue = true;
    clock.after(lookSoonMs, () => {
      isLookDue = false;
      wakeUp();
    });
  });
  const look = async (): Promise<void> => {
    hand.beginLook();
    const pending = await parts.store.pendingOperations(clock.nowMs(), batchSize);
    if (!pending.ok) {
      parts.log.error('pending-operations-unreadable', { code: pending.fault.code });
      return;
    }
    for (const operation of pending.value) hand.takeFound(operation);
    hand.endLook();
  };
  const round = async (): Promise<void> => {
    try {
      await look();
    } catch (error) {
      parts.log.error('registration-round-broke', { error: nameOf(error) });
    }
  };
  const lookings = async (): Promise<void> => {
    for (;;) {
      wait = new AbortController();
      await round();
      await sleep(clock, lookAgainMs, wait.signal);
      if (stopping.signal.aborted) break;
    }
    await hand.empty();
  };
  const running = Promise.all([lookings(), purging(parts, stopping.signal)]);
  return {
    take(operation) {
      if (!stopping.signal.aborted) hand.take(operation);
    },
    wake: wakeUp,
    ended: (registrationKey) => hand.ended(registrationKey),
    async stop() {
      stopping.abort();
      wakeUp();
      await running;
    },
  };
}

/** What is being worked off: one operation a registration, one a device, so many a hub. */
function createHand(parts: WorkerParts) {
  // By registration.
  const underWay = new Map<string, { readonly id: string; readonly work: Promise<void> }>();
  const places = new Set<string>();
  const atHub = new Map<string, number>();
  const heldBack = createHeldBack(parts.clock, parts.random);
  // What ends while the store is looked through may be among what the look finds: the last of each registration, by id.
  const endedSince = new Map<string, string>();
  let missed = false;
  let tell: () => void = () => undefined;

  const hasRoom = (key: string, hub: string, place: string): boolean => {
    // One at a time for a device: the hub ends with the key of the newest.
    if (underWay.has(key) || underWay.size >= maxAtOnce || (atHub.get(hub) ?? 0) >= maxAtOneHub) return false;
    if (heldBack.waits(key)) return false;
    // Two that plan one device go one after the other.
    return !places.has(place);
  };
  const take = (operation: Operation): void => {
    const { registrationKey: key, plan } = operation;
    const hub = plan?.is === 'assign' ? plan.hub : '';
    const place = plan?.is === 'assign' ? JSON.stringify([hub, plan.deviceId]) : `key ${key}`;
    if (!hasRoom(key, hub, place)) {
      missed = true;
      return;
    }
    places.add(place);
    atHub.set(hub, (atHub.get(hub) ?? 0) + 1);
    const work = workSafely(parts, operation).then((isKept) => {
      underWay.delete(key);
      places.delete(place);
      const left = (atHub.get(hub) ?? 1) - 1;
      if (left > 0) atHub.set(hub, left);
      else atHub.delete(hub);
      endedSince.set(key, operation.id);
      if (isKept) heldBack.kept(key);
      else heldBack.failed(key);
      tell();
    });
    underWay.set(key, { id: operation.id, work });
  };
  return {
    take,
    get missed(): boolean {
      return missed;
    },
    beginLook(): void {
      missed = false;
      endedSince.clear();
    },
    takeFound(operation: Operation): void {
      const { id, registrationKey: key } = operation;
      // In hand, or just out of it: there is nothing in the store that was not seen.
      if (underWay.get(key)?.id === id || endedSince.get(key) === id) return;
      if (endedSince.has(key)) missed = true;
      else take(operation);
    },
    endLook(): void {
      heldBack.drop((key) => underWay.has(key));
    },
    onEnded(listener: () => void): void {
      tell = listener;
    },
    ended: (registrationKey: string) => underWay.get(registrationKey)?.work,
    async empty(): Promise<void> {
      await Promise.all([...underWay.values()].map(({ work }) => work));
    },
  };
}

/** In small steps, as many as there are: at full speed a minute leaves tens of thousands behind. */
async function purging(parts: WorkerParts, signal: AbortSignal): Promise<void> {
  const { clock, store, log } = parts;
  while (!signal.aborted) {
    let isMore = false;
    try {
      const nowMs = clock.nowMs();
      const old = { beforeMs: nowMs - keepDoneMs, keepNewest, surplusBeforeMs: nowMs - keepAtLeastMs };
      const purged = await store.purgeOperations(old, purgeBatch);
      isMore = purged.ok && purged.value >= purgeBatch;
      if (!purged.ok) log.warn('old-operations-kept', { code: purged.fault.code });
    } catch (error) {
      log.error('purge-broke', { error: nameOf(error) });
    }
    await sleep(clock, isMore ? purgePauseMs : purgeEveryMs, signal);
  }
}
