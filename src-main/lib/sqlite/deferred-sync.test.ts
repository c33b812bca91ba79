import { fdatasync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must, ok } from '../base/result.ts';
import { openDatabase, type Database } from './database.ts';
import { createDeferredSync, type DeferredSync, type SyncFile } from './deferred-sync.ts';

let folder = '';
let db: Database;
let commits: DeferredSync;
/** The syncs that were asked for and have not ended. */
let syncs: { fd: number; done: Parameters<SyncFile>[1] }[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-sync-'));
  db = must(openDatabase({ file: join(folder, 'own.db'), sole: true }));
  must(db.write((write) => ok(write.run('CREATE TABLE notes (text TEXT NOT NULL) STRICT'))));
  syncs = [];
  commits = createDeferredSync(db, (fd, done) => void syncs.push({ fd, done }));
});
afterEach(() => {
  commits.close();
  db.close();
  rmSync(folder, { recursive: true });
});

const add = (text: string) => commits.write((write) => ok(write.run('INSERT INTO notes VALUES (?)', text)));
const levelOf = (of: Database): unknown => of.driver.pragma('synchronous', { simple: true });
/** Takes what is waiting as the disk would. */
const endOne = (error: NodeJS.ErrnoException | null = null): void => {
  const one = syncs.shift();
  if (one === undefined) throw new Error('no sync was asked for');
  one.done(error);
};
/** What a promise has come to, once every turn that is due has run. */
const heard = async (promise: Promise<unknown> | undefined): Promise<unknown> =>
  Promise.race([promise, new Promise((resolve) => setImmediate(resolve, 'waits'))]);

describe('a commit whose sync is deferred', () => {
  it('is told of when the log was synced with it, and the file is at FULL for everything else', async () => {
    expect(commits.settled()).toBeUndefined();
    must(add('first'));
    expect(levelOf(db)).toBe(2);
    const told = commits.settled();
    expect(await heard(told)).toBe('waits');
    expect(readFileSync(`${db.file}-wal`).includes('first')).toBe(true);
    fdatasync(syncs[0]?.fd ?? -1, (error) => {
      endOne(error);
    });
    expect(await told).toMatchObject({ ok: true });
    expect(commits.settled()).toBeUndefined();
  });

  it('that comes while a sync is under way waits for another, with all that came meanwhile', async () => {
    must(add('first'));
    const first = commits.settled();
    must(add('second'));
    const second = commits.settled();
    must(add('third'));
    const third = commits.settled();
    expect(syncs).toHaveLength(1);
    endOne();
    expect(await first).toMatchObject({ ok: true });
    expect(await heard(second)).toBe('waits');
    expect(syncs).toHaveLength(1);
    endOne();
    expect([await second, await third]).toMatchObject([{ ok: true }, { ok: true }]);
    expect(commits.settled()).toBeUndefined();
  });

  it('that was rolled back waits for nothing', () => {
    expect(() =>
      commits.write(() => {
        throw new Error('bug');
      }),
    ).toThrow('bug');
    expect(commits.settled()).toBeUndefined();
    expect(levelOf(db)).toBe(2);
  });

  it('is refused for good, and so is all that follows, when the disk refuses once', async () => {
    must(add('first'));
    const told = commits.settled();
    must(add('second'));
    const later = commits.settled();
    endOne(Object.assign(new Error('i/o'), { code: 'EIO' }));
    const fault = { ok: false, fault: { code: 'database-not-synced', detail: { reason: 'EIO' } } };
    const answers = [await told, await later, await commits.settled(), add('third')];
    for (const one of answers) expect(one).toMatchObject(fault);
    expect(must(db.read((read) => read.all('SELECT text FROM notes')))).toHaveLength(2);
  });
});

it('in a file that others may open is synced by SQLite itself', () => {
  const shared = must(openDatabase({ file: join(folder, 'shared.db') }));
  const plain = createDeferredSync(shared, (fd, done) => void syncs.push({ fd, done }));
  const levels = must(plain.write(() => ok(levelOf(shared))));
  expect([levels, plain.settled(), syncs.length]).toEqual([2, undefined, 0]);
  plain.close();
  shared.close();
});
