import type { Migration } from '../../../lib/sqlite/migrate.ts';

const statements = [
  // What a device sent along, for its allocation; what was issued to it, for every poll of its operation.
  `ALTER TABLE operations ADD COLUMN payload TEXT`,
  `ALTER TABLE operations ADD COLUMN issued_chain TEXT`,
  // A device with a symmetric key names no group: those groups are found by their kind of proof.
  `ALTER TABLE enrollments ADD COLUMN attestation TEXT GENERATED ALWAYS AS (body ->> '$.attestation.type') VIRTUAL`,
  `CREATE INDEX groups_by_attestation ON enrollments (attestation, key) WHERE kind = 'group'`,
  `CREATE TABLE authorities (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    certificate BLOB NOT NULL,
    is_verified INTEGER NOT NULL,
    verification_code TEXT,
    etag TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE authority_references (
    authority_key TEXT NOT NULL REFERENCES authorities (key),
    kind TEXT NOT NULL CHECK (kind IN ('individual', 'group')),
    enrollment_key TEXT NOT NULL,
    PRIMARY KEY (authority_key, kind, enrollment_key)
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX authority_references_by_enrollment ON authority_references (kind, enrollment_key)`,
] as const;

export const moreProofs: Migration = {
  version: 3,
  name: 'more-proofs',
  up(db) {
    for (const statement of statements) db.run(statement);
  },
};
