/** The outbox under every mixture of faults: nothing lost, nothing made twice, nothing another's replaced. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import type { Random } from '../../src-main/lib/base/random.ts';
import { systemRandom } from '../../src-main/lib/base/host.ts';
import { type Result, failed, must, ok } from '../../src-main/lib/base/result.ts';
import { dpsFault } from '../../src-main/lib/dps/faults.ts';
import type { IndividualEnrollment } from '../../src-main/station/batches/enrollment.ts';
import type { SyncStore } from '../../src-main/station/batches/store-ports.ts';
import { createBudget } from '../../src-main/station/sync/budget.ts';
import type { EnrollmentTarget, HeldEnrollment, Refusal } from '../../src-main/station/sync/ports.ts';
import { startSync } from '../../src-main/station/sync/sync.ts';
import { type TestStore, newStore, openedBatch, passUnit } from './store-fixtures.ts';
import { startMs, tpmPass } from './store-units.ts';

const peer = { peer: 'the service', reason: 'r', status: 503, message: 'm', errorCode: 1 };
const troubles = ['none', 'none', 'offline', 'lost', 'busy', 'unwell', 'refused', 'unauthorized'] as const;
type Trouble = (typeof troubles)[number];

/** A service by its rules, with a trouble for each call in turn; `lost` does the work and loses the answer. */
function modelService(script: readonly Trouble[], poison: ReadonlySet<string>) {
  const held = new Map<string, IndividualEnrollment>();
  const made = new Map<string, number>();
  let at = 0;
  const call = <T>(work: () => Result<T>): Result<T> => {
    const trouble = script[at] ?? 'none';
    at += 1;
    if (trouble === 'offline') return failed(dpsFault('peer-offline', peer));
    if (trouble === 'busy') return failed(dpsFault('peer-throttled', { ...peer, retryAfterMs: 2_000 }));
    if (trouble === 'unwell') return failed(dpsFault('peer-unavailable', peer));
    if (trouble === 'unauthorized') return failed(dpsFault('call-unauthorized', peer));
    const done = work();
    return trouble === 'lost' ? failed(dpsFault('call-ambiguous', peer)) : done;
  };
  const refusalOf = (item: IndividualEnrollment): Refusal | undefined => {
    const registrationId = item.registrationId;
    if (poison.has(registrationId)) return { registrationId, errorCode: 400_000, reason: 'poison' };
    if (held.has(registrationId)) return { registrationId, errorCode: 409_000, reason: 'exists' };
    held.set(registrationId, item);
    made.set(registrationId, (made.get(registrationId) ?? 0) + 1);
    return undefined;
  };
  const target: EnrollmentTarget = {
    create: async (items) =>
      call(() => {
        const isWhole = script[at - 1] === 'refused' && items.some((item) => poison.has(item.registrationId));
        if (isWhole) return failed(dpsFault('call-refused', peer));
        return ok(items.map(refusalOf).filter((refusal) => refusal !== undefined));
      }),
    replace: async (item) =>
      call(() => {
        held.set(item.registrationId, item);
        return ok();
      }),
    individual: async (id) => call(() => ok<HeldEnrollment | undefined>(held.get(id))),
    group: async () => ok(undefined),
    putGroup: async () => ok(),
    assigned: async () => ok(undefined),
    probe: async () => call(() => ok()),
    onClockOffset: () => () => undefined,
  };
  return { target, held, made };
}

/** The store in this process behind the port, which now and then loses an answer that was committed. */
function portOver(test: TestStore, clock: { nowMs(): number }, losses: readonly boolean[]): SyncStore {
  let at = 0;
  const listeners = new Set<(change: { outbox: boolean }) => void>();
  const asked = async <T>(operate: () => Result<T>): Promise<Result<T>> => {
    test.nowMs = clock.nowMs();
    const result = operate();
    const change = test.store.takeChange();
    if (change !== undefined) for (const listener of listeners) listener(change);
    at += 1;
    return losses[at] === true ? failed(dpsFault('call-ambiguous', peer)) : result;
  };
  const { ops } = test;
  return {
    outboxRelease: () => asked(() => ops.outboxRelease()),
    outboxTake: (limit) => asked(() => ops.outboxTake(limit)),
    outboxSettle: (settlements) => asked(() => ops.outboxSettle(settlements)),
    outboxCounts: () => asked(() => ops.outboxCounts()),
    lifeDue: (limit) => asked(() => ops.lifeDue(limit)),
    lifeSettle: (settlements) => asked(() => ops.lifeSettle(settlements)),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

it('ends with every enrollment made once, or parked with a reason, whatever goes wrong on the way', async () => {
  const world = fc.record({
    units: fc.integer({ min: 1, max: 24 }),
    script: fc.array(fc.constantFrom(...troubles), { maxLength: 40 }),
    losses: fc.array(fc.boolean(), { maxLength: 40 }),
    poison: fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 3 }),
    others: fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { maxLength: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ units, script, losses, poison, others }) => {
      const test = newStore();
      const batch = openedBatch(test.ops);
      const keyOf = (n: number) => `reg-sn${n}`;
      for (let n = 1; n <= units; n += 1) passUnit(test.ops, batch, tpmPass(`SN${n}`, startMs + n), `SN${n}`);
      const service = modelService(script, new Set(poison.map(keyOf)));
      const foreign = { registrationId: 'x', deviceId: 'foreign' } as IndividualEnrollment;
      const attestation = { type: 'tpm', tpm: { endorsementKey: 'AAAA' } } as const;
      for (const n of others) service.held.set(keyOf(n), { ...foreign, attestation });
      const clock = manualClock(startMs + 10_000);
      const random: Random = { ...systemRandom, fraction: () => 0.5 };
      const store = portOver(test, clock, losses);
      const sync = startSync({ store, ...service, budget: createBudget(clock), clock, random, log: silentLog });
      for (let turn = 0; turn < 400; turn += 1) {
        await clock.advance(5_000);
        const { pending, sending } = must(test.ops.outboxCounts());
        if (pending + sending === 0) break;
      }
      const stopped = sync.stop();
      await clock.advance(1_000);
      await stopped;
      const all = Array.from({ length: units }, (_, at) => at + 1);
      const bad = all.filter((n) => poison.includes(n) || others.includes(n));
      const parked = must(test.ops.listOutbox({ limit: 200, state: 'parked' })).items;
      expect(parked.map((entry) => entry.key).toSorted()).toEqual(bad.map(keyOf).toSorted());
      expect(must(test.ops.outboxCounts())).toMatchObject({ sent: units - bad.length, pending: 0, sending: 0 });
      const good = all.filter((n) => !bad.includes(n)).map(keyOf);
      expect([...service.made.entries()].toSorted()).toEqual(good.map((key) => [key, 1]).toSorted());
      for (const n of others) expect(service.held.get(keyOf(n))?.deviceId).toBe('foreign');
      test.store.close();
    }),
    { numRuns: 40 },
  );
}, 60_000);
