/** The exam of commits that are shared, and of the places that a commit gives away. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { openDatabase, type Database, type WriteDb } from '../../src-main/lib/sqlite/database.ts';
import { attestationId } from '../../src-main/service/core/attestation-form.ts';
import type { Store } from '../../src-main/service/core/ports.ts';
import type { Enrollment, NewOperation, Plan, RegistrationOutcome } from '../../src-main/service/core/records.ts';
import { createGroupCommit } from '../../src-main/service/store/group-commit.ts';
import { openSqliteStore } from '../../src-main/service/store/sql-store.ts';

let folder = '';
let store: Store;
let other: Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-commits-'));
  const file = join(folder, 'service.sqlite');
  store = must(openSqliteStore(must(openDatabase({ file }))));
  other = must(openDatabase({ file, readonly: true }));
});
afterEach(async () => {
  other.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

const planFor = (deviceId: string, hub = 'hub-a'): Plan => ({
  ...{ is: 'assign', hub, deviceId, iotEdge: false, substatus: 'initialAssignment', twin: undefined },
  ...{ authentication: { type: 'sas', primaryKey: 'p', secondaryKey: 's' }, movesFrom: undefined },
});

const attested = attestationId({ type: 'tpm', endorsementKey: 'AAA=', storageRootKey: undefined });
const operation = (id: string, registrationKey: string, plan = planFor(registrationKey)): NewOperation => ({
  ...{ id, registrationKey, registrationId: registrationKey, proof: { kind: 'tpm', attested, key: 'AAA=' }, plan },
  ...{ hubKeyBlob: `blob-${id}`, groupId: undefined, payload: undefined, issuedChain: undefined },
  ...{ etag: `etag-${id}`, createdMs: systemClock.nowMs() },
});

const assigned = (deviceId: string, hub = 'hub-a'): RegistrationOutcome => ({
  ...{ status: 'assigned', assignedHub: hub, deviceId, substatus: 'initialAssignment' },
});
const refused: RegistrationOutcome = { status: 'failed', errorCode: 400_210, errorMessage: 'no' };
const finish = (id: string, outcome: RegistrationOutcome) =>
  store.finishOperations([{ id, outcome, etag: `done-${id}`, nowMs: 5 }]);

/** What another connection sees: what is committed. */
const committed = (): readonly unknown[] =>
  must(other.read((read) => read.all<{ id: string }>('SELECT id FROM operations ORDER BY seq'))).map((row) => row.id);

describe('changes that are asked for at the same time', () => {
  const ids = Array.from({ length: 40 }, (_, at) => `op-${at}`);

  it('are on disk, in the order they were asked for, before any of their callers hears of it', async () => {
    const seen: number[] = [];
    const starts = ids.map(async (id) => {
      must(await store.startOperations([operation(id, `dev-${id}`)]));
      seen.push(committed().length);
    });
    expect(committed()).toEqual([]);
    await Promise.all(starts);
    expect(committed()).toEqual(ids);
    // one commit for all: nobody saw a part of them
    expect(new Set(seen)).toEqual(new Set([ids.length]));
  });

  it('fail alone: what one of them breaks, the others keep', async () => {
    must(await store.startOperations([operation('taken', 'first')]));
    const all = ['a', 'taken', 'b'].map((id) => store.startOperations([operation(id, `dev-${id}`)]));
    const outcomes = await Promise.all(all);
    expect(outcomes.map((outcome) => (outcome.ok ? 'kept' : outcome.fault.code))).toEqual([
      'kept',
      'store-failed',
      'kept',
    ]);
    expect(committed()).toEqual(['taken', 'a', 'b']);
    expect(must(await store.registration('dev-taken'))).toBeUndefined();
  });

  it('are all told of a full disk, and none of them is kept', async () => {
    const small = must(openDatabase({ file: join(folder, 'small.sqlite') }));
    const full = must(openSqliteStore(small));
    // no page more than there is: SQLite's own answer to a full disk
    small.driver.pragma(`max_page_count = ${String(small.driver.pragma('page_count', { simple: true }))}`);
    const large = { ...operation('large', 'dev-large'), payload: 'x'.repeat(65_536) };
    const all = [operation('a', 'dev-a'), large, operation('b', 'dev-b')].map((one) => full.startOperations([one]));
    for (const outcome of await Promise.all(all)) {
      expect(outcome).toMatchObject({ fault: { code: 'store-failed', detail: { cause: 'database-full' } } });
    }
    expect(must(await full.pendingOperations(systemClock.nowMs() + 1, 10))).toEqual([]);
    must(await full.startOperations([operation('a', 'dev-a')]));
    await full.close();
  });

  it('of starts and ends share their commit too, each after what was asked before it', async () => {
    must(await store.startOperations([operation('1', 'dev')]));
    const together = [finish('1', assigned('dev')), store.startOperations([operation('2', 'dev')])];
    for (const result of await Promise.all<{ readonly ok: boolean }>(together)) expect(result.ok).toBe(true);
    expect(must(await store.operation('1'))?.state).toBe('done');
    expect(must(await store.registration('dev'))).toMatchObject({ status: 'assigning', assignedHub: 'hub-a' });
  });
});

describe('a change that takes many turns', () => {
  const entry = (key: string): Enrollment => ({
    ...{ kind: 'individual', key, id: key, enabled: true, deviceId: undefined, allocationPolicy: undefined },
    ...{ attestation: { type: 'tpm', endorsementKey: 'AAA=', storageRootKey: undefined }, iotHubs: [] },
    ...{ iotHubHostName: undefined, initialTwin: undefined, iotEdge: false, extras: {}, etag: 'e' },
    ...{ reprovision: { updateHubAssignment: true, migrateDeviceData: true }, createdMs: 1, updatedMs: 1 },
  });

  it('is seen whole or not at all by looks of one turn, and a shared commit is none of it', async () => {
    const keys = Array.from({ length: 30 }, (_, at) => `unit-${at}`);
    const progress = { isDone: false };
    const changes = keys.map((key) => ({ change: 'put', enrollment: entry(key), if: { is: 'none' } }) as const);
    const change = store.changeEnrollments(changes).finally(() => (progress.isDone = true));
    const start = store.startOperations([operation('1', 'dev')]);
    const torn: string[] = [];
    let looks = 0;
    while (!progress.isDone) {
      const first = must(await store.enrollment('individual', 'unit-0'));
      const last = must(await store.enrollment('individual', 'unit-29'));
      if (first !== undefined && last === undefined) torn.push(`look ${looks}`);
      looks += 1;
    }
    expect(must(await change).every((outcome) => outcome.ok)).toBe(true);
    expect(must(await start)).toMatchObject([{ id: '1' }]);
    expect(looks).toBeGreaterThan(0);
    expect(torn).toEqual([]);
  });
});

describe('a group of changes', () => {
  type Work<T> = (db: WriteDb) => T;
  // These changes do not look at it.
  const noDb = undefined as never;
  const isStoreFault = (error: unknown): boolean => error instanceof RangeError;

  it('waits for company after a slow commit, within a bound, and not at all when the last was long ago', async () => {
    const clock = manualClock();
    const sizes: number[] = [];
    let inThis = 0;
    const transaction = async <T>(work: Work<T>): Promise<T> => {
      inThis = 0;
      const value = work(noDb);
      await clock.advance(1_000);
      sizes.push(inThis);
      return value;
    };
    const group = createGroupCommit({ transaction, clock, isStoreFault });
    const change = () => group.join(() => void (inThis += 1));
    await change();
    const second = change();
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const third = change();
    expect(sizes).toEqual([1]);
    await clock.advance(25);
    await Promise.all([second, third]);
    expect(sizes).toEqual([1, 2]);
    await clock.advance(25);
    await change();
    expect(sizes).toEqual([1, 2, 1]);
  });

  it('is done again one by one when one of it fails, and each hears its own end', async () => {
    let commits = 0;
    const transaction = async <T>(work: Work<T>): Promise<T> => {
      const value = work(noDb);
      commits += 1;
      return value;
    };
    const group = createGroupCommit({ transaction, clock: systemClock, isStoreFault });
    const bad = (): never => {
      throw new Error('broken');
    };
    const ends = await Promise.allSettled([group.join(() => 1), group.join(bad), group.join(() => 3)]);
    expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : String(end.reason)))).toEqual([
      1,
      'Error: broken',
      3,
    ]);
    expect(commits).toBe(2);
  });

  it.each(['the file fails', 'the commit itself fails'])(
    'hears one end and is not tried again when %s',
    async (when) => {
      let begun = 0;
      const transaction = async <T>(work: Work<T>): Promise<T> => {
        begun += 1;
        const value = work(noDb);
        if (when === 'the commit itself fails') throw new Error('no commit');
        return value;
      };
      const group = createGroupCommit({ transaction, clock: systemClock, isStoreFault });
      const full = () => {
        if (when === 'the file fails') throw new RangeError('full');
        return 2;
      };
      const ends = await Promise.allSettled([group.join(() => 1), group.join(full), group.join(() => 3)]);
      expect(ends.map((end) => end.status)).toEqual(['rejected', 'rejected', 'rejected']);
      expect(begun).toBe(1);
    },
  );

  it('stops going one by one at the first failure of the file', async () => {
    let begun = 0;
    const transaction = async <T>(work: Work<T>): Promise<T> => {
      begun += 1;
      if (begun === 3) throw new RangeError('busy');
      return work(noDb);
    };
    const group = createGroupCommit({ transaction, clock: systemClock, isStoreFault });
    const bad = (): never => {
      throw new Error('broken');
    };
    const all = [group.join(bad), ...[2, 3, 4].map((value) => group.join(() => value))];
    const ends = await Promise.allSettled(all);
    expect(ends.map((end) => (end.status === 'fulfilled' ? end.value : String(end.reason)))).toEqual([
      'Error: broken',
      'RangeError: busy',
      'RangeError: busy',
      'RangeError: busy',
    ]);
    expect(begun).toBe(3);
  });
});

describe('a device of a hub', () => {
  const holder = async (deviceId: string, hub = 'hub-a') => must(await store.registrationOfDevice(hub, deviceId));

  it('is given to the first of two registrations that ask at once; the other is kept as refused, without its key', async () => {
    const shared = planFor('shared');
    const [first, second] = await Promise.all([
      store.startOperations([operation('1', 'one', shared)]),
      store.startOperations([operation('2', 'two', shared)]),
    ]);
    expect(must(first)).toMatchObject([{ id: '1', plan: shared }]);
    const kept = [{ id: '2', plan: { is: 'refuse', errorCode: 409_201 }, hubKeyBlob: undefined }];
    expect(must(second)).toMatchObject(kept);
    expect(must(await store.pendingOperations(systemClock.nowMs() + 1, 10))).toMatchObject([{ id: '1' }, ...kept]);
    expect(await holder('shared')).toBe('one');
  });

  it('is given once, too, by two programs on one file', async () => {
    const second = must(openSqliteStore(must(openDatabase({ file: join(folder, 'service.sqlite') }))));
    must(await store.startOperations([operation('1', 'one', planFor('shared'))]));
    const late = must(await second.startOperations([operation('2', 'two', planFor('shared'))]));
    expect(late).toMatchObject([{ plan: { is: 'refuse' } }]);
    await second.close();
  });

  it('is free again after its registration failed, moved on, or was removed', async () => {
    must(await store.startOperations([operation('1', 'one', planFor('a'))]));
    must(await finish('1', refused));
    expect(await holder('a')).toBeUndefined();
    must(await store.startOperations([operation('2', 'one', planFor('a'))]));
    must(await finish('2', assigned('a')));
    must(await store.startOperations([operation('3', 'one', planFor('a', 'hub-b'))]));
    expect([await holder('a'), await holder('a', 'hub-b')]).toEqual(['one', 'one']);
    must(await finish('3', assigned('a', 'hub-b')));
    expect([await holder('a'), await holder('a', 'hub-b')]).toEqual([undefined, 'one']);
    must(await store.deleteRegistration('one', { is: 'none' }));
    expect(await holder('a', 'hub-b')).toBeUndefined();
  });

  it('stays with a registration whose move failed', async () => {
    must(await store.startOperations([operation('1', 'one', planFor('a'))]));
    must(await finish('1', assigned('a')));
    must(await store.startOperations([operation('2', 'one', planFor('a', 'hub-b'))]));
    must(await finish('2', refused));
    expect([await holder('a'), await holder('a', 'hub-b')]).toEqual(['one', undefined]);
  });
});
