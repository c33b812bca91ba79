import { expect, it } from 'vitest';
import { must, ok } from '../../../lib/base/result.ts';
import { openDatabase } from '../../../lib/sqlite/database.ts';
import { migrate } from '../../../lib/sqlite/migrate.ts';
import { firstTables } from './0001-first-tables.ts';
import { rememberUnlinkedHubs } from './0002-remember-unlinked-hubs.ts';
import { moreProofs } from './0003-more-proofs.ts';

const body = (type: string): string => JSON.stringify({ attestation: { type }, enabled: true });

it('keeps enrollments and operations, and tells the groups by how they attest', () => {
  const db = must(openDatabase({ file: ':memory:' }));
  must(migrate(db, [firstTables, rememberUnlinkedHubs]));
  must(
    db.write((write) => {
      for (const [kind, key, type] of [
        ['group', 'line-7', 'x509'],
        ['group', 'line-8', 'symmetricKey'],
        ['individual', 'press-17', 'tpm'],
      ] as const) {
        write.run(`INSERT INTO enrollments VALUES (?, ?, ?, 'e', ?, 1, 2)`, kind, key, key, body(type));
      }
      write.run(
        `INSERT INTO operations VALUES (1, '5.op', 'press-17', 'assigning', '{}', '{"is":"refuse"}', NULL, NULL, NULL, 3, 10, 9, NULL)`,
      );
      return ok();
    }),
  );
  expect(must(migrate(db, [firstTables, rememberUnlinkedHubs, moreProofs]))).toEqual({ from: 2, to: 3 });
  const rows = must(db.read((read) => read.all('SELECT key, body, attestation FROM enrollments ORDER BY key')));
  expect(rows).toEqual([
    { key: 'line-7', body: body('x509'), attestation: 'x509' },
    { key: 'line-8', body: body('symmetricKey'), attestation: 'symmetricKey' },
    { key: 'press-17', body: body('tpm'), attestation: 'tpm' },
  ]);
  expect(must(db.read((read) => read.all('SELECT id, attempts, payload, issued_chain FROM operations')))).toEqual([
    { id: '5.op', attempts: 3, payload: null, issued_chain: null },
  ]);
  expect(must(db.read((read) => read.all('SELECT * FROM authorities')))).toEqual([]);
  db.close();
});
