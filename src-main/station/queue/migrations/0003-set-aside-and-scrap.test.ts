import { expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { openDatabase } from '../../../lib/sqlite/database.ts';
import { migrate } from '../../../lib/sqlite/migrate.ts';
import { begin } from './0001-begin.ts';
import { recoverReworkGolden } from './0002-recover-rework-golden.ts';
import { setAsideAndScrap } from './0003-set-aside-and-scrap.ts';

it('keeps every interrupted unit, and tells what a person set aside from what the station named', () => {
  const db = must(openDatabase({ file: ':memory:' }));
  must(migrate(db, [begin, recoverReworkGolden]));
  must(
    db.write((write) => {
      write.run(
        `INSERT INTO batches (batch_id, state, name, quantity, terms, opened_ms, opened_by)
          VALUES ('b', 'open', 'B', 9, '{}', 1, 'Sam')`,
      );
      const rows = [
        ['waiting', 1, null, null, null, null],
        ['named', 0, '{"code":"holds-other"}', null, null, null],
        ['named', 0, '{"code":"cable-out"}', 'board is burnt', 'Kim', 7],
        ['finished', 0, null, null, null, 8],
      ] as const;
      for (const [at, [state, isAuto, fault, reason, by, closedMs]] of rows.entries()) {
        const name = `u${at + 1}`;
        write.run(
          `INSERT INTO units (unit_id, batch, serial_number, state, slot, operator, runs, first_run_ms)
            VALUES (?, 1, ?, 'interrupted', 1, 'Toni', 1, 1)`,
          ...[name, name],
        );
        write.run(
          `INSERT INTO runs (run_id, unit, batch, number, slot, operator, started_ms) VALUES (?, ?, 1, 1, 1, 'Toni', 1)`,
          ...[name, at + 1],
        );
        write.run(
          `INSERT INTO recoveries (unit, run, state, is_auto, interrupted_ms, fault, reason, named_by, closed_ms)
            VALUES (?, ?, ?, ?, 5, ?, ?, ?, ?)`,
          ...[at + 1, at + 1, state, isAuto, fault, reason, by, closedMs],
        );
      }
      return ok();
    }),
  );
  expect(must(migrate(db, [begin, recoverReworkGolden, setAsideAndScrap]))).toEqual({ from: 2, to: 3 });
  const rest = { reason: null, decided_by: null, decided_ms: null };
  const set = { reason: 'board is burnt', decided_by: 'Kim', decided_ms: 7 };
  const columns = 'unit, run, state, is_auto, interrupted_ms, fault, reason, decided_by, decided_ms';
  expect(must(db.read((read) => read.all(`SELECT ${columns} FROM recoveries ORDER BY unit`)))).toEqual([
    { unit: 1, run: 1, state: 'waiting', is_auto: 1, interrupted_ms: 5, fault: null, ...rest },
    { unit: 2, run: 2, state: 'named', is_auto: 0, interrupted_ms: 5, fault: '{"code":"holds-other"}', ...rest },
    { unit: 3, run: 3, state: 'set-aside', is_auto: 0, interrupted_ms: 5, fault: '{"code":"cable-out"}', ...set },
    { unit: 4, run: 4, state: 'finished', is_auto: 0, interrupted_ms: 5, fault: null, ...rest },
  ]);
  expect(db.checkIntegrity().ok).toBe(true);
  db.close();
});
