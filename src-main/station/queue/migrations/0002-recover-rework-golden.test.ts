import { expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { openDatabase } from '../../../lib/sqlite/database.ts';
import { migrate } from '../../../lib/sqlite/migrate.ts';
import { begin } from './0001-begin.ts';
import { recoverReworkGolden } from './0002-recover-rework-golden.ts';

it('takes over the acts of an older file: closed ones are done and spent, open ones stay open', () => {
  const db = must(openDatabase({ file: ':memory:' }));
  must(migrate(db, [begin]));
  must(
    db.write((write) => {
      write.run(
        `INSERT INTO batches (batch_id, state, name, quantity, terms, opened_ms, opened_by)
          VALUES ('b', 'open', 'B', 9, '{}', 1, 'Sam')`,
      );
      write.run(
        `INSERT INTO units (unit_id, batch, serial_number, state, slot, operator, runs, first_run_ms)
          VALUES ('u', 1, 'SN1', 'interrupted', 1, 'Toni', 1, 1)`,
      );
      write.run(
        `INSERT INTO runs (run_id, unit, batch, number, slot, operator, started_ms) VALUES ('r', 1, 1, 1, 1, 'Toni', 1)`,
      );
      const intent = `INSERT INTO intents (run, unit, step, request_id, intended_ms, closed_ms) VALUES (1, 1, ?, ?, 1, ?)`;
      write.run(intent, 'generate-key', 'q-1', 5);
      write.run(intent, 'write-settings', 'q-2', null);
      write.run(
        `INSERT INTO outbox (kind, key, batch, body, state, next_due_ms, created_ms)
          VALUES ('individual', 'k', 1, '{}', 'pending', 1, 1)`,
      );
      return ok();
    }),
  );
  expect(must(migrate(db, [begin, recoverReworkGolden]))).toEqual({ from: 1, to: 2 });
  const intents = must(
    db.read((read) => read.all('SELECT request_id, outcome, spent_ms, closed_ms FROM intents ORDER BY seq')),
  );
  expect(intents).toEqual([
    { request_id: 'q-1', outcome: 'done', spent_ms: 5, closed_ms: 5 },
    { request_id: 'q-2', outcome: null, spent_ms: null, closed_ms: null },
  ]);
  expect(must(db.read((read) => read.get('SELECT act FROM outbox')))).toEqual({ act: 'create' });
  expect(db.checkIntegrity().ok).toBe(true);
  db.close();
});
