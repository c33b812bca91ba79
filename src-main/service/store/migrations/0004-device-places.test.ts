import { expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { openDatabase } from '../../../lib/sqlite/database.ts';
import { migrate } from '../../../lib/sqlite/migrate.ts';
import { firstTables } from './0001-first-tables.ts';
import { rememberUnlinkedHubs } from './0002-remember-unlinked-hubs.ts';
import { moreProofs } from './0003-more-proofs.ts';
import { devicePlaces } from './0004-device-places.ts';

const before = [firstTables, rememberUnlinkedHubs, moreProofs];
const plan = (hub: string, deviceId: string): string => JSON.stringify({ is: 'assign', hub, deviceId });

it('gives each device of a hub to the one that lives there, else to the first that is on its way', () => {
  const db = must(openDatabase({ file: ':memory:' }));
  must(migrate(db, before));
  must(
    db.write((write) => {
      for (const [key, hub, device, status] of [
        ['lives', 'hub-a', 'press', 'assigned'],
        ['moves', 'hub-a', 'drill', 'assigning'],
        ['new', null, null, 'assigning'],
      ] as const) {
        write.run(
          `INSERT INTO registrations VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, 'e', 1, 2)`,
          ...[key, key, status, hub, device],
        );
      }
      for (const [id, key, state, what] of [
        ['1', 'moves', 'assigning', plan('hub-b', 'drill')],
        ['2', 'new', 'assigning', plan('hub-b', 'drill')],
        ['3', 'new', 'assigning', plan('hub-a', 'press')],
        ['4', 'new', 'assigning', plan('hub-b', 'saw')],
        ['5', 'refused', 'assigning', '{"is":"refuse"}'],
      ] as const) {
        write.run(
          `INSERT INTO operations (id, registration_key, state, proof, plan, attempts, due_ms, created_ms)
           VALUES (?, ?, ?, '{}', ?, 0, 1, 1)`,
          ...[id, key, state, what],
        );
      }
      return ok();
    }),
  );
  expect(must(migrate(db, [...before, devicePlaces]))).toEqual({ from: 3, to: 4 });
  const places = must(
    db.read((read) => read.all<Record<string, string>>('SELECT * FROM device_places ORDER BY hub, device_id')),
  );
  expect(places.map((place) => Object.values(place))).toEqual([
    ['hub-a', 'drill', 'moves'],
    ['hub-a', 'press', 'lives'],
    ['hub-b', 'drill', 'moves'],
    ['hub-b', 'saw', 'new'],
  ]);
  expect(must(db.read((read) => read.all('SELECT id FROM operations')))).toHaveLength(5);
  db.close();
});
