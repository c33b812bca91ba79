/**
 * Commits whose wait for the disk is spent off the thread: SQLite writes its log, a thread of the pool syncs it, and
 * who asked hears after that. What is on disk when somebody is told is the same as with `synchronous=FULL`, where
 * SQLite makes the same call itself (https://sqlite.org/wal.html); but the process goes on meanwhile.
 */
import { close, fdatasync, openSync } from 'node:fs';
import { failed, ok, type Result } from '../base/result.ts';
import type { Database } from './database.ts';
import { sqliteFault } from './faults.ts';

export interface DeferredSync {
  /** As `Database.write`; on disk only when `settled` says so. Where the file is not ours alone, it is `Database.write`. */
  readonly write: Database['write'];
  /**
   * Resolves when all that is committed by now is on disk; undefined when it is already. Whatever was read must not be
   * told before. `database-not-synced` for ever after the disk refused once: the system does not say twice what it lost.
   */
  settled(): Promise<Result<void>> | undefined;
  close(): void;
}

/** Has the system write an open file's content to disk; `done` hears when it has. */
export type SyncFile = (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => void;

export function createDeferredSync(database: Database, syncFile: SyncFile = fdatasync): DeferredSync {
  const { driver, file } = database;
  if (!database.isSole) {
    return { write: (change) => database.write(change), settled: () => undefined, close: () => undefined };
  }
  const log = createSyncs(file, syncFile);
  return {
    write(change) {
      const refused = log.broken();
      if (refused !== undefined) return refused;
      // NORMAL leaves out the sync of a commit and no other: those around a checkpoint keep their place.
      driver.exec('PRAGMA synchronous = NORMAL');
      try {
        const done = database.write(change);
        if (done.ok) log.committed();
        return done;
      } finally {
        driver.exec('PRAGMA synchronous = FULL');
      }
    },
    settled: () => log.settled(),
    close: () => {
      log.close();
    },
  };
}

/** One sync at a time; what is committed while one is under way waits for the next, all of it together. */
function createSyncs(file: string, syncFile: SyncFile) {
  let fd: number | undefined;
  let commits = 0;
  let onDisk = 0;
  let underWay: { readonly upTo: number; readonly end: Promise<Result<void>> } | undefined;
  let next: Promise<Result<void>> | undefined;
  let broken: Result<never> | undefined;
  let isClosed = false;
  const letGo = (): void => {
    // SQLite syncs and removes the log when it closes its own handle: nothing hangs on this one any more.
    if (fd !== undefined) close(fd, () => undefined);
    fd = undefined;
  };
  const sync = async (upTo: number): Promise<Result<void>> => {
    const done = await syncOnce();
    underWay = undefined;
    if (done.ok) onDisk = upTo;
    else broken = failed(done.fault);
    if (isClosed) letGo();
    return done;
  };
  const syncOnce = (): Promise<Result<void>> =>
    new Promise((resolve) => {
      const end = (error: unknown): void => {
        resolve(error === null ? ok() : failed(notSynced(file, error)));
      };
      try {
        // The log is there once something was committed, and stays the same file until the database is closed. No lock
        // of SQLite's lies on it, which closing a second handle would take away.
        fd ??= openSync(`${file}-wal`, 'r+');
        syncFile(fd, end);
      } catch (error) {
        end(error);
      }
    });
  const settled = (): Promise<Result<void>> | undefined => {
    if (broken !== undefined) return Promise.resolve(broken);
    if (onDisk === commits) return undefined;
    if (underWay === undefined) {
      underWay = { upTo: commits, end: sync(commits) };
      return underWay.end;
    }
    if (underWay.upTo === commits) return underWay.end;
    next ??= underWay.end.then(() => {
      next = undefined;
      return settled() ?? ok();
    });
    return next;
  };
  return {
    committed(): void {
      commits += 1;
    },
    settled,
    broken: () => broken,
    close(): void {
      isClosed = true;
      if (underWay === undefined) letGo();
    },
  };
}

function notSynced(file: string, error: unknown) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return sqliteFault('database-not-synced', { file, reason: typeof code === 'string' ? code : 'unknown' });
}
