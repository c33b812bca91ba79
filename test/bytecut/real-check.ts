/** What must be true of a unit and of its station's file after a cut, seen by the sqlite3 program and in the unit itself. */
import { sqliteRows } from '../flows/support/witness-sqlite.ts';
import type { RealKind, RealUnit } from './real-units.ts';

export interface RealState {
  readonly kind: RealKind;
  readonly unit: RealUnit;
  /** What it holds: SHA-256, in hexadecimal. */
  readonly held: readonly string[];
  readonly database: string;
  /** Ids of all runs that were shown as passed. */
  readonly shown: ReadonlySet<string>;
}

/** Throws what does not hold. */
export function checkRealState({ kind, unit, held, database, shown }: RealState): void {
  const wrong: string[] = [];
  const count = (sql: string): number => sqliteRows(database, sql).length;
  const expectOne = (n: number, what: string): void => {
    if (n !== 1) wrong.push(`${n} ${what}`);
  };
  const ofUnit = `units.serial_number = '${unit.serialNumber}'`;
  const passes = sqliteRows(
    database,
    `SELECT fingerprint AS print FROM runs JOIN units ON units.seq = runs.unit
      WHERE verdict = 'pass' AND ${ofUnit}`,
  );
  expectOne(passes.length, 'passes of one unit');
  expectOne(held.length, 'identities in one unit');
  if (passes[0]?.['print'] !== held[0]) wrong.push('the unit holds another identity than the one on disk');
  const keys = count(`SELECT value FROM claims JOIN units ON units.seq = claims.unit
      WHERE kind IN ('public-key', 'ek') AND ${ofUnit}`);
  if (kind.isMadeOnce) expectOne(keys, 'keys of one unit');
  expectOne(
    count(
      `SELECT value FROM claims JOIN units ON units.seq = claims.unit WHERE kind = 'registration-id' AND ${ofUnit}`,
    ),
    'names of one unit',
  );
  const shared = count('SELECT kind FROM claims GROUP BY kind, value HAVING count(DISTINCT unit) > 1');
  if (shared > 0) wrong.push(`${shared} identities are shared by two units`);
  const [units, enrollments] = [count(`SELECT seq FROM units`), count(`SELECT DISTINCT key FROM outbox`)];
  if (units !== enrollments) wrong.push(`${enrollments} enrollments for ${units} units`);
  if (count('SELECT seq FROM runs WHERE verdict IS NULL') > 0) wrong.push('a run without a verdict');
  const onDisk = new Set(
    sqliteRows(database, `SELECT run_id FROM runs WHERE verdict = 'pass'`).map((row) => row['run_id']),
  );
  if ([...shown].some((runId) => !onDisk.has(runId))) wrong.push('a pass was shown that is not on disk');
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}
