import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { type Database, openDatabase } from '../../../lib/sqlite/database.ts';
import { databaseVersion, migrate } from '../../../lib/sqlite/migrate.ts';
import { begin } from './0001-begin.ts';

let folder = '';
let db: Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-migration-'));
  db = must(openDatabase({ file: join(folder, 'station.db') }));
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

it('makes every table STRICT, once', () => {
  expect(must(migrate(db, [begin]))).toEqual({ from: 0, to: 1 });
  expect(must(migrate(db, [begin]))).toEqual({ from: 1, to: 1 });
  expect(databaseVersion(db)).toBe(1);
  const tables = must(
    db.read((read) =>
      read.all<{ name: string; strict: number }>(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'",
      ),
    ),
  );
  expect(tables.map((table) => table.name).toSorted()).toEqual([
    ...[
      'batches',
      'claims',
      'events',
      'intents',
      'outbox',
      'outbox_counts',
      'runs',
      'settings',
      'unit_counts',
      'units',
    ],
  ]);
  expect(new Set(tables.map((table) => table.strict))).toEqual(new Set([1]));
  expect(db.checkIntegrity().ok).toBe(true);
});

it('counts by trigger what it would otherwise have to count by reading', () => {
  must(migrate(db, [begin]));
  const counts = must(
    db.write((write) => {
      write.run(
        `INSERT INTO batches (batch_id, state, name, quantity, terms, opened_ms, opened_by)
          VALUES ('b', 'open', 'B', 9, '{}', 1, 'Sam')`,
      );
      for (const name of ['a', 'b', 'c']) {
        write.run(
          `INSERT INTO units (unit_id, batch, serial_number, state, slot, operator, runs, first_run_ms)
            VALUES (?, 1, ?, 'in-work', 1, 'Toni', 1, 1)`,
          ...[name, name],
        );
      }
      write.run("UPDATE units SET state = 'passed', had_verdict = 1, first_passed = 1 WHERE unit_id = 'a'");
      write.run("UPDATE units SET state = 'failed', had_verdict = 1 WHERE unit_id = 'b'");
      return ok({
        units: write.all('SELECT state, n FROM unit_counts WHERE n <> 0 ORDER BY state'),
        batch: write.get('SELECT with_verdict, first_passed FROM batches'),
      });
    }),
  );
  expect(counts).toEqual({
    units: [
      { state: 'failed', n: 1 },
      { state: 'in-work', n: 1 },
      { state: 'passed', n: 1 },
    ],
    batch: { with_verdict: 2, first_passed: 1 },
  });
});

it('refuses a state that is none, and an identity that is taken', () => {
  must(migrate(db, [begin]));
  expect(() =>
    db.write((write) =>
      ok(
        write.run(
          `INSERT INTO batches (batch_id, state, name, quantity, terms, opened_ms, opened_by)
            VALUES ('b', 'ajar', 'B', 9, '{}', 1, 'Sam')`,
        ),
      ),
    ),
  ).toThrow('CHECK');
});
