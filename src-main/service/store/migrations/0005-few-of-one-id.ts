import type { Migration } from '../../../lib/sqlite/migrate.ts';

/** What one registration id leaves behind is bounded: its operations are found by it, and end without their payload. */
const statements = [
  `CREATE INDEX operations_by_registration ON operations (registration_key, seq)`,
  `UPDATE operations SET payload = NULL WHERE state = 'done' AND payload IS NOT NULL`,
  `ALTER TABLE operations ADD COLUMN is_written INTEGER NOT NULL DEFAULT 0`,
] as const;

export const fewOfOneId: Migration = {
  version: 5,
  name: 'few-of-one-id',
  up(db) {
    for (const statement of statements) db.run(statement);
  },
};
