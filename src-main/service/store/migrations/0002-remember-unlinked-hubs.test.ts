import { expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { openDatabase } from '../../../lib/sqlite/database.ts';
import { migrate } from '../../../lib/sqlite/migrate.ts';
import { firstTables } from './0001-first-tables.ts';
import { rememberUnlinkedHubs } from './0002-remember-unlinked-hubs.ts';

it('keeps the hubs that were linked', () => {
  const db = must(openDatabase({ file: ':memory:' }));
  must(migrate(db, [firstTables]));
  must(db.write((write) => ok(write.run("INSERT INTO linked_hubs VALUES ('hub-a', 'c', 5, 1)"))));
  expect(must(migrate(db, [firstTables, rememberUnlinkedHubs]))).toEqual({ from: 1, to: 2 });
  const hubs = must(db.read((read) => read.all('SELECT * FROM linked_hubs')));
  expect(hubs).toEqual([
    { host_name: 'hub-a', connection_string: 'c', allocation_weight: 5, apply_allocation_policy: 1 },
  ]);
  expect(must(db.read((read) => read.all('SELECT * FROM unlinked_hubs')))).toEqual([]);
  db.close();
});
