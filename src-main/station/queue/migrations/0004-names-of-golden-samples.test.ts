import { expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { openDatabase } from '../../../lib/sqlite/database.ts';
import { migrate } from '../../../lib/sqlite/migrate.ts';
import { begin } from './0001-begin.ts';
import { recoverReworkGolden } from './0002-recover-rework-golden.ts';
import { setAsideAndScrap } from './0003-set-aside-and-scrap.ts';
import { namesOfGoldenSamples } from './0004-names-of-golden-samples.ts';

const before = [begin, recoverReworkGolden, setAsideAndScrap];

it('gives removed samples their own names back, keeps every run, and holds the names that are in use apart', () => {
  const db = must(openDatabase({ file: ':memory:' }));
  must(migrate(db, before));
  const add = `INSERT INTO golden_samples (serial_number, name, expect, added_ms, added_by, removed_ms)
    VALUES (?, ?, 'pass', 1, 'Sam', ?)`;
  must(
    db.write((write) => {
      write.run(
        `INSERT INTO batches (batch_id, state, name, quantity, terms, opened_ms, opened_by)
          VALUES ('b', 'open', 'B', 9, '{}', 1, 'Sam')`,
      );
      write.run(add, 'SN90', 'SN90 Good 1', 5);
      write.run(add, 'SN91', 'Good 1', null);
      write.run(
        `INSERT INTO golden_runs (run_id, serial_number, batch, slot, operator, expect, started_ms)
          VALUES ('r', 'SN90', 1, 1, 'Toni', 'pass', 2)`,
      );
      return ok();
    }),
  );
  expect(must(migrate(db, [...before, namesOfGoldenSamples]))).toEqual({ from: 3, to: 4 });
  const rows = 'SELECT serial_number, name, removed_ms FROM golden_samples ORDER BY serial_number';
  expect(must(db.read((read) => read.all(rows)))).toEqual([
    { serial_number: 'SN90', name: 'Good 1', removed_ms: 5 },
    { serial_number: 'SN91', name: 'Good 1', removed_ms: null },
  ]);
  expect(must(db.read((read) => read.all('SELECT run_id, serial_number FROM golden_runs')))).toEqual([
    { run_id: 'r', serial_number: 'SN90' },
  ]);
  const insert = (name: string, serialNumber: string) => () =>
    db.write((write) => ok(write.run(add, serialNumber, name, null)));
  expect(insert('Good 1', 'SN92')()).toMatchObject({ ok: false, fault: { code: 'database-conflict' } });
  expect(insert('Good 2', 'SN92')().ok).toBe(true);
  const orphan = () =>
    db.write((write) =>
      ok(
        write.run(
          `INSERT INTO golden_runs (run_id, serial_number, batch, slot, operator, expect, started_ms)
            VALUES ('s', 'nobody', 1, 1, 'Toni', 'pass', 2)`,
        ),
      ),
    );
  expect(orphan).toThrow('FOREIGN KEY');
  expect(db.checkIntegrity().ok).toBe(true);
  db.close();
});
