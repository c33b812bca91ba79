/** The exam of when the store tells what it has: after it is on disk, whoever asks, and not again after the disk refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { openDatabase, type Database } from '../../src-main/lib/sqlite/database.ts';
import type { SyncFile } from '../../src-main/lib/sqlite/deferred-sync.ts';
import type { Store } from '../../src-main/service/core/ports.ts';
import type { NewOperation } from '../../src-main/service/core/records.ts';
import { openSqliteStore } from '../../src-main/service/store/sql-store.ts';
import { until } from '../flows/service-bed.ts';
import { withStillCopy } from '../flows/support/still-copy.ts';

let folder = '';
let database: Database;
let store: Store;
/** Ends the sync that the disk was asked for; undefined while it was asked for none. */
let endSync: Parameters<SyncFile>[1] | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-durability-'));
  database = must(openDatabase({ file: join(folder, 'service.sqlite'), sole: true }));
  store = must(openSqliteStore(database, systemClock, (_fd, done) => (endSync = done)));
  endSync = undefined;
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const operation: NewOperation = {
  ...{ id: 'op-1', registrationKey: 'dev', registrationId: 'dev', proof: { kind: 'tpm', attested: 'a', key: 'AAA=' } },
  plan: { is: 'refuse', errorCode: 400_210, errorMessage: 'no' },
  ...{ hubKeyBlob: undefined, groupId: undefined, payload: undefined, issuedChain: undefined },
  ...{ etag: 'etag', createdMs: 1 },
};

/** Whether it has been told by the time that everything due has run. */
const isTold = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);

const asked = () => until(() => Promise.resolve(endSync), 'the disk is asked');

it('neither who asked for a change nor who looks hears of it before the disk has it', async () => {
  const started = store.startOperations([operation]);
  const end = await asked();
  const inLog = withStillCopy(database.file, (file) => {
    const copy = must(openDatabase({ file }));
    const rows = must(copy.read((read) => read.all('SELECT id FROM operations')));
    copy.close();
    return rows;
  });
  // What is synced is the whole commit.
  expect(inLog).toEqual([{ id: 'op-1' }]);
  const looks = [store.operation('op-1'), store.registration('dev'), store.pendingOperations(2, 1), store.counts()];
  for (const one of [started, ...looks]) expect(await isTold(one)).toBe(false);
  end(null);
  expect(must(await started)).toMatchObject([{ id: 'op-1' }]);
  expect(must(await store.operation('op-1'))).toMatchObject({ id: 'op-1' });
  for (const one of await Promise.all(looks)) expect(one.ok).toBe(true);
});

it('a disk that refuses once is believed no more: callers and looks hear of it, and nothing is taken', async () => {
  const started = store.startOperations([operation]);
  const end = await asked();
  end(Object.assign(new Error('i/o'), { code: 'EIO' }));
  const refusal = { ok: false, fault: { code: 'store-failed', detail: { cause: 'database-not-synced' } } };
  expect(await started).toMatchObject(refusal);
  expect(await store.operation('op-1')).toMatchObject(refusal);
  expect(await store.startOperations([{ ...operation, id: 'op-2' }])).toMatchObject(refusal);
  const kept = must(database.read((read) => read.all('SELECT id FROM operations')));
  expect(kept).toEqual([{ id: 'op-1' }]);
});
