/** Brings a file from the format it has to the format this version knows, one numbered step at a time. */
import { failed, ok, type Result } from '../base/result.ts';
import type { Database, WriteDb } from './database.ts';
import { sqliteFault } from './faults.ts';

export interface Migration {
  /** 1, 2, 3 ... without a gap: the file's `user_version` after this step. */
  readonly version: number;
  /** Kebab-case, as in its file's name. */
  readonly name: string;
  up(db: WriteDb): void;
}

/** The format the file has now: 0 when it is new. */
export function databaseVersion(db: Database): number {
  return Number(db.driver.pragma('user_version', { simple: true }));
}

/** Each step commits together with its number, so a crash leaves the file whole at one of the versions. */
export function migrate(
  db: Database,
  migrations: readonly Migration[],
): Result<{ readonly from: number; readonly to: number }> {
  migrations.forEach((migration, at) => {
    if (migration.version !== at + 1) throw new Error(`migration ${migration.name} must be number ${at + 1}`);
  });
  const from = databaseVersion(db);
  const to = migrations.length;
  if (from > to) return failed(sqliteFault('database-newer', { file: db.file, found: from, known: to }));
  for (const migration of migrations.slice(from)) {
    const step = oneStep(db, migration);
    if (!step.ok) return step;
  }
  return ok({ from, to });
}

function oneStep(db: Database, migration: Migration): Result<void> {
  const step = { file: db.file, from: migration.version - 1, to: migration.version };
  try {
    const done = db.write((write) => {
      // Another process may have done this step while we waited for the lock.
      if (databaseVersion(db) >= migration.version) return ok();
      migration.up(write);
      db.driver.pragma(`user_version = ${migration.version}`);
      return ok();
    });
    if (done.ok || done.fault.code !== 'database-conflict') return done;
    return failed(sqliteFault('database-migration-failed', { ...step, reason: done.fault.say }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    return failed(sqliteFault('database-migration-failed', { ...step, reason }));
  }
}
