/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- the caller states a row's shape beside its SQL; STRICT tables keep its types */
/** One SQLite file, opened so that what is committed survives a power cut, and handed out by right. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import type { Fault } from '../base/fault.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { faultOf, sqliteFault } from './faults.ts';

export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlParameters = readonly SqlValue[];

/** May look, within one consistent view. */
export interface ReadDb {
  readonly right: 'read' | 'write';
  get<Row>(sql: string, ...values: SqlParameters): Row | undefined;
  all<Row>(sql: string, ...values: SqlParameters): readonly Row[];
  /** Row by row, for results too large to hold; finish it before the next statement. */
  each<Row>(sql: string, ...values: SqlParameters): IterableIterator<Row>;
}

/** May change, inside one transaction. */
export interface WriteDb extends ReadDb {
  readonly right: 'write';
  run(sql: string, ...values: SqlParameters): { readonly changes: number; readonly lastId: number };
}

export interface Database {
  readonly file: string;
  /** Opened as such, and a file. */
  readonly isSole: boolean;
  /** Whether a transaction is open that spans more than one turn: an adapter's. What is asked for meanwhile has to wait. */
  readonly inTransaction: boolean;
  /** One statement, which is consistent by itself. */
  glance<T>(look: (db: ReadDb) => T): Result<T>;
  /** Runs `look` over one consistent view of the file. */
  read<T>(look: (db: ReadDb) => T): Result<T>;
  /**
   * Runs `change` in one transaction, committed and synced to disk before this returns. A failed result or an exception
   * rolls everything back. Never nested: that is a bug and throws.
   */
  write<T>(change: (db: WriteDb) => Result<T>): Result<T>;
  /**
   * The same for several that come at once: each `write` and `read` inside is whole or undone by itself, as alone, and
   * all of them are on disk when this returns. A fault of the file, or an exception, rolls all of them back.
   */
  readonly together: <T>(work: () => T) => Result<T>;
  /** Reads every page and index; the fault carries the first complaint. */
  checkIntegrity(): Result<void>;
  close(): void;
  /** The driver's own handle, for the rooms' adapters inside this library. */
  readonly driver: BetterSqlite.Database;
}

export interface OpenDatabaseOptions {
  readonly file: string;
  readonly readonly?: boolean;
  /** A native binding other than the packaged one. Default: BENCHLINE_SQLITE_BINDING, else the packaged one. */
  readonly nativeBinding?: string;
  /**
   * Nobody else may open the file while this does, not even to look: SQLite then asks the kernel for no lock at each
   * statement, which is two thirds of a look. `database-busy` when another has it.
   */
  readonly sole?: boolean;
  /** How long a statement waits for another process's lock. */
  readonly busyTimeoutMs?: number;
}

// Two processes share a file only while one replaces the other at a restart: 5 s covers a clean stop.
const defaultBusyTimeoutMs = 5_000;

// Statements are literals of our own, some hundreds at the most; beyond this the oldest is dropped.
const maxCachedStatements = 512;

// Not named `require`: the build would add one of its own beside it.
const requireHere = createRequire(import.meta.url);

export function openDatabase(options: OpenDatabaseOptions): Result<Database> {
  const { file, readonly = false, sole = false, busyTimeoutMs = defaultBusyTimeoutMs } = options;
  const binding = options.nativeBinding ?? process.env['BENCHLINE_SQLITE_BINDING'] ?? '';
  let driver: BetterSqlite.Database | undefined;
  try {
    driver = new BetterSqlite(file, {
      readonly,
      timeout: busyTimeoutMs,
      ...(binding === '' ? {} : { nativeBinding: loadBinding(binding) }),
    });
    const durable = makeDurable(driver, { file, readonly, sole, busyTimeoutMs });
    if (durable.ok) return ok(databaseOver(driver, { file, isSole: sole && !readonly && file !== ':memory:' }));
    driver.close();
    return durable;
  } catch (error) {
    driver?.close();
    return failed(cannotOpen(error, file));
  }
}

function cannotOpen(error: unknown, file: string): Fault {
  const known = faultOf(error, file);
  if (known?.code === 'database-damaged' || known?.code === 'database-busy') return known;
  return sqliteFault('database-cannot-open', { file, reason: error instanceof Error ? error.message : 'unknown' });
}

/** The package would resolve a path against its own folder; we load it as the path says. */
function loadBinding(path: string): string {
  return requireHere.resolve(resolve(path));
}

function makeDurable(
  driver: BetterSqlite.Database,
  want: Required<Pick<OpenDatabaseOptions, 'file' | 'readonly' | 'sole' | 'busyTimeoutMs'>>,
): Result<void> {
  // Before anything is read: the log's index is then kept in memory, and the lock taken with the first look.
  if (want.sole) driver.pragma('locking_mode = EXCLUSIVE');
  if (!want.readonly) {
    driver.pragma('journal_mode = WAL');
    // The packaged build defaults to NORMAL in WAL, which may lose the last commits at a power cut.
    driver.pragma('synchronous = FULL');
  }
  driver.pragma('foreign_keys = ON');
  const inMemory = want.file === ':memory:';
  const facts: readonly (readonly [pragma: string, wanted: string | number])[] = [
    ['journal_mode', inMemory ? 'memory' : 'wal'],
    ...(want.readonly ? [] : [['synchronous', 2] as const]),
    ...(want.sole ? [['locking_mode', 'exclusive'] as const] : []),
    ['foreign_keys', 1],
    ['busy_timeout', want.busyTimeoutMs],
  ];
  for (const [pragma, wanted] of facts) {
    const found: unknown = driver.pragma(pragma, { simple: true });
    if (found !== wanted) {
      return failed(sqliteFault('database-not-durable', { file: want.file, pragma, found: String(found), wanted }));
    }
  }
  return ok();
}

function databaseOver(driver: BetterSqlite.Database, { file, isSole }: Pick<Database, 'file' | 'isSole'>): Database {
  const statement = statementCache(driver);
  const readDb: ReadDb = {
    right: 'read',
    get: <Row>(sql: string, ...values: SqlParameters) => statement(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: SqlParameters) => statement(sql).all(...values) as readonly Row[],
    each: <Row>(sql: string, ...values: SqlParameters) =>
      driver.prepare(sql).iterate(...values) as IterableIterator<Row>,
  };
  const writeDb: WriteDb = {
    ...readDb,
    right: 'write',
    run(sql, ...values) {
      const done = statement(sql).run(...values);
      return { changes: done.changes, lastId: Number(done.lastInsertRowid) };
    },
  };
  const { inTransaction, together } = transactionsOn(driver, file);
  return {
    file,
    isSole,
    driver,
    get inTransaction() {
      return driver.inTransaction;
    },
    glance(look) {
      try {
        return ok(look(readDb));
      } catch (error) {
        const fault = faultOf(error, file);
        if (fault === undefined) throw error;
        return failed(fault);
      }
    },
    read: (look) => inTransaction('BEGIN', () => ok(look(readDb))),
    // IMMEDIATE: the lock is taken before the first look, so that a change never rests on a stale one.
    write: (change) => inTransaction('BEGIN IMMEDIATE', () => change(writeDb)),
    together,
    checkIntegrity() {
      const [first] = driver.pragma('integrity_check(1)') as readonly { readonly integrity_check: string }[];
      if (first?.integrity_check !== 'ok') {
        return failed(sqliteFault('database-damaged', { file, reason: first?.integrity_check ?? 'no answer' }));
      }
      const [orphan] = driver.pragma('foreign_key_check') as readonly { readonly table: string }[];
      return orphan === undefined
        ? ok()
        : failed(sqliteFault('database-damaged', { file, reason: `a row of ${orphan.table} has lost its parent` }));
    },
    close: () => void driver.close(),
  };
}

interface Transactions {
  readonly inTransaction: <T>(begin: string, work: () => Result<T>) => Result<T>;
  readonly together: Database['together'];
}

function transactionsOn(driver: BetterSqlite.Database, file: string): Transactions {
  const rollBack = (): void => {
    // Some failures (a full disk) roll back by themselves.
    if (driver.inTransaction) driver.exec('ROLLBACK');
  };
  let group: 'none' | 'open' | 'in-part' = 'none';
  /** A fault of the file is `together`'s: what is left of the whole is not known here. */
  const asPart = <T>(work: () => Result<T>): Result<T> => {
    group = 'in-part';
    driver.exec('SAVEPOINT part');
    const result = work();
    if (!result.ok) driver.exec('ROLLBACK TO part');
    driver.exec('RELEASE part');
    group = 'open';
    return result;
  };
  const inTransaction = <T>(begin: string, work: () => Result<T>): Result<T> => {
    if (group === 'open') return asPart(work);
    if (driver.inTransaction) throw new Error('a transaction inside a transaction');
    try {
      driver.exec(begin);
      const result = work();
      driver.exec(result.ok ? 'COMMIT' : 'ROLLBACK');
      return result;
    } catch (error) {
      rollBack();
      const fault = faultOf(error, file);
      if (fault === undefined) throw error;
      return failed(fault);
    }
  };
  return {
    inTransaction,
    together(work) {
      if (group !== 'none') throw new Error('a transaction inside a transaction');
      return inTransaction('BEGIN IMMEDIATE', () => {
        group = 'open';
        try {
          return ok(work());
        } finally {
          group = 'none';
        }
      });
    },
  };
}

function statementCache(driver: BetterSqlite.Database): (sql: string) => BetterSqlite.Statement {
  const cached = new Map<string, BetterSqlite.Statement>();
  return (sql) => {
    const known = cached.get(sql);
    if (known !== undefined) return known;
    const [oldest] = cached.keys();
    if (cached.size >= maxCachedStatements && oldest !== undefined) cached.delete(oldest);
    const made = driver.prepare(sql);
    cached.set(sql, made);
    return made;
  };
}
