import type { Migration } from '../../../lib/sqlite/migrate.ts';

const statements = [
  `CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`,
  `CREATE TABLE linked_hubs (
    host_name TEXT PRIMARY KEY,
    connection_string TEXT NOT NULL,
    allocation_weight INTEGER NOT NULL,
    apply_allocation_policy INTEGER NOT NULL
  ) STRICT`,
  `CREATE TABLE enrollments (
    kind TEXT NOT NULL CHECK (kind IN ('individual', 'group')),
    key TEXT NOT NULL,
    id TEXT NOT NULL,
    etag TEXT NOT NULL,
    body TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE group_subjects (
    subject_hash TEXT NOT NULL,
    group_key TEXT NOT NULL,
    PRIMARY KEY (subject_hash, group_key)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE operations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    registration_key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('assigning', 'done')),
    proof TEXT NOT NULL,
    plan TEXT,
    hub_key_blob TEXT,
    group_id TEXT,
    outcome TEXT,
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    finished_ms INTEGER
  ) STRICT`,
  `CREATE INDEX operations_pending ON operations (registration_key, seq) WHERE state = 'assigning'`,
  `CREATE INDEX operations_finished ON operations (finished_ms) WHERE state = 'done'`,
  `CREATE TABLE registrations (
    key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('assigning', 'assigned', 'failed')),
    assigned_hub TEXT,
    device_id TEXT,
    substatus TEXT,
    error_code INTEGER,
    error_message TEXT,
    group_key TEXT,
    etag TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX registrations_by_group ON registrations (group_key, key) WHERE group_key IS NOT NULL`,
  `CREATE INDEX registrations_by_device ON registrations (assigned_hub, device_id) WHERE assigned_hub IS NOT NULL`,
] as const;

export const firstTables: Migration = {
  version: 1,
  name: 'first-tables',
  up(db) {
    for (const statement of statements) db.run(statement);
  },
};
