import { expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { openDatabase } from '../../../lib/sqlite/database.ts';
import { migrate } from '../../../lib/sqlite/migrate.ts';
import { firstTables } from './0001-first-tables.ts';
import { rememberUnlinkedHubs } from './0002-remember-unlinked-hubs.ts';
import { moreProofs } from './0003-more-proofs.ts';
import { devicePlaces } from './0004-device-places.ts';
import { fewOfOneId } from './0005-few-of-one-id.ts';

const before = [firstTables, rememberUnlinkedHubs, moreProofs, devicePlaces];

it('takes the payload from what has ended, leaves it to what is under way, and says of none that it is written', () => {
  const db = must(openDatabase({ file: ':memory:' }));
  must(migrate(db, before));
  must(
    db.write((write) => {
      for (const [id, state] of [
        ['ended', 'done'],
        ['waits', 'assigning'],
      ] as const) {
        write.run(
          `INSERT INTO operations (id, registration_key, state, proof, plan, attempts, due_ms, created_ms, payload)
           VALUES (?, 'unit', ?, '{}', '{"is":"refuse"}', 0, 1, 1, '{"line":7}')`,
          ...[id, state],
        );
      }
      return ok();
    }),
  );
  expect(must(migrate(db, [...before, fewOfOneId]))).toEqual({ from: 4, to: 5 });
  const rows = must(db.read((read) => read.all('SELECT id, payload, is_written FROM operations ORDER BY id')));
  expect(rows).toEqual([
    { id: 'ended', payload: null, is_written: 0 },
    { id: 'waits', payload: '{"line":7}', is_written: 0 },
  ]);
  db.close();
});
