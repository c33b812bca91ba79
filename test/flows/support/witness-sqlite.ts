/** The sqlite3 command line as an outside witness of a store's file. */
import { execFileSync } from 'node:child_process';

export type SqliteRow = Readonly<Record<string, string | number | null>>;

/** Rows of a query, as the tool prints them in JSON. */
export function sqliteRows(file: string, sql: string): readonly SqliteRow[] {
  const text = execFileSync('sqlite3', ['-readonly', '-json', '-cmd', '.timeout 5000', file, sql], {
    encoding: 'utf8',
  });
  return text.trim() === '' ? [] : (JSON.parse(text) as readonly SqliteRow[]);
}

/** Every run of a station, oldest first: `run_id`, `serial_number`, `verdict`, `phase`, `code`. */
export function runRows(file: string): readonly SqliteRow[] {
  return sqliteRows(
    file,
    `SELECT run_id, serial_number, verdict, phase, json_extract(runs.fault, '$.code') AS code
      FROM runs JOIN units ON units.seq = runs.unit ORDER BY runs.seq`,
  );
}
