/** The first format: batches, units, runs, identities, intents, outbox, audit chain, settings. */
import type { Migration } from '../../../lib/sqlite/migrate.ts';

const batches = `CREATE TABLE batches (
  seq INTEGER PRIMARY KEY,
  batch_id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
  name TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  terms TEXT NOT NULL CHECK (json_valid(terms)),
  enrollment_group_id TEXT,
  signer TEXT CHECK (json_valid(signer)),
  opened_ms INTEGER NOT NULL,
  opened_by TEXT NOT NULL,
  closed_ms INTEGER,
  -- Kept by triggers, so that a picture of a batch never counts its units.
  with_verdict INTEGER NOT NULL DEFAULT 0,
  first_passed INTEGER NOT NULL DEFAULT 0
) STRICT`;

const units = `CREATE TABLE units (
  seq INTEGER PRIMARY KEY,
  unit_id TEXT NOT NULL UNIQUE,
  batch INTEGER NOT NULL REFERENCES batches (seq),
  serial_number TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL
    CHECK (state IN ('in-work', 'interrupted', 'failed', 'passed', 'enrolled', 'registered', 'seen')),
  attestation TEXT CHECK (attestation IN ('tpm', 'x509')),
  registration_id TEXT UNIQUE,
  device_id TEXT,
  fingerprint TEXT,
  hub TEXT,
  slot INTEGER NOT NULL,
  operator TEXT NOT NULL,
  runs INTEGER NOT NULL,
  had_verdict INTEGER NOT NULL DEFAULT 0,
  first_passed INTEGER NOT NULL DEFAULT 0,
  outbox INTEGER REFERENCES outbox (id),
  fault TEXT CHECK (json_valid(fault)),
  first_run_ms INTEGER NOT NULL,
  passed_ms INTEGER,
  enrolled_ms INTEGER,
  registered_ms INTEGER,
  seen_ms INTEGER,
  next_look_ms INTEGER
) STRICT`;

const runs = `CREATE TABLE runs (
  seq INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  unit INTEGER NOT NULL REFERENCES units (seq),
  batch INTEGER NOT NULL REFERENCES batches (seq),
  number INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  operator TEXT NOT NULL,
  attestation TEXT,
  phase TEXT,
  verdict TEXT CHECK (verdict IN ('pass', 'fail', 'error')),
  fault TEXT CHECK (json_valid(fault)),
  -- What the verdict PASS rests on: the keys or certificates, the unit's facts, the time of each phase.
  evidence TEXT CHECK (json_valid(evidence)),
  -- The event that tells the verdict.
  event_seq INTEGER,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER
) STRICT`;

const claims = `CREATE TABLE claims (
  kind TEXT NOT NULL CHECK (kind IN ('serial-number', 'ek', 'public-key', 'registration-id')),
  value TEXT NOT NULL,
  unit INTEGER NOT NULL REFERENCES units (seq),
  run INTEGER NOT NULL REFERENCES runs (seq),
  PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID`;

const intents = `CREATE TABLE intents (
  seq INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (seq),
  unit INTEGER NOT NULL REFERENCES units (seq),
  step TEXT NOT NULL,
  request_id TEXT NOT NULL,
  sha256 TEXT,
  intended_ms INTEGER NOT NULL,
  closed_ms INTEGER,
  UNIQUE (run, step, request_id)
) STRICT`;

const outbox = `CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('individual', 'group')),
  key TEXT NOT NULL,
  batch INTEGER NOT NULL REFERENCES batches (seq),
  -- Of an individual enrollment; a group serves many units, each of which names its entry.
  serial_number TEXT,
  body TEXT NOT NULL CHECK (json_valid(body)),
  state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'parked')),
  attempts INTEGER NOT NULL DEFAULT 0,
  next_due_ms INTEGER NOT NULL,
  fault TEXT CHECK (json_valid(fault)),
  created_ms INTEGER NOT NULL,
  sent_ms INTEGER,
  UNIQUE (kind, key)
) STRICT`;

const events = `CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT`;

const others = [
  'CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
  `CREATE TABLE unit_counts (batch INTEGER NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (batch, state)) STRICT, WITHOUT ROWID`,
  `CREATE TABLE outbox_counts (batch INTEGER NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (batch, state)) STRICT, WITHOUT ROWID`,
];

const indexes = [
  'CREATE INDEX units_by_batch ON units (batch, seq)',
  'CREATE INDEX units_by_batch_state ON units (batch, state, seq)',
  'CREATE INDEX units_by_state ON units (state, seq)',
  'CREATE INDEX units_by_serial ON units (serial_number COLLATE NOCASE)',
  'CREATE INDEX units_by_outbox ON units (outbox, state)',
  'CREATE INDEX units_by_look ON units (next_look_ms) WHERE next_look_ms IS NOT NULL',
  'CREATE INDEX runs_by_unit ON runs (unit, number)',
  'CREATE INDEX runs_by_slot ON runs (slot, seq) WHERE verdict IS NOT NULL',
  'CREATE INDEX runs_open ON runs (seq) WHERE verdict IS NULL',
  "CREATE INDEX runs_passed ON runs (attestation, seq) WHERE verdict = 'pass'",
  "CREATE INDEX runs_passed_in_order ON runs (seq) WHERE verdict = 'pass'",
  'CREATE INDEX intents_open ON intents (unit, seq) WHERE closed_ms IS NULL',
  'CREATE INDEX outbox_due ON outbox (state, next_due_ms, id)',
  'CREATE INDEX outbox_by_state ON outbox (state, id)',
];

const addTo = (table: string, batch: string, state: string, change: 1 | -1): string =>
  `INSERT INTO ${table} (batch, state, n) VALUES (${batch}, ${state}, ${change})
    ON CONFLICT (batch, state) DO UPDATE SET n = n + ${change}`;

const counted = (table: string, counts: string): readonly string[] => [
  `CREATE TRIGGER ${table}_counted_new AFTER INSERT ON ${table} BEGIN
    ${addTo(counts, 'NEW.batch', 'NEW.state', 1)}; END`,
  `CREATE TRIGGER ${table}_counted_changed AFTER UPDATE OF state ON ${table} WHEN OLD.state <> NEW.state BEGIN
    ${addTo(counts, 'OLD.batch', 'OLD.state', -1)}; ${addTo(counts, 'NEW.batch', 'NEW.state', 1)}; END`,
];

const triggers = [
  ...counted('units', 'unit_counts'),
  ...counted('outbox', 'outbox_counts'),
  `CREATE TRIGGER units_counted_verdict AFTER UPDATE OF had_verdict, first_passed ON units BEGIN
    UPDATE batches SET with_verdict = with_verdict + NEW.had_verdict - OLD.had_verdict,
      first_passed = first_passed + NEW.first_passed - OLD.first_passed WHERE seq = NEW.batch; END`,
  // The chain is written once. Whoever takes these triggers away is found by the hashes.
  `CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events stay as they are'); END`,
  `CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events stay as they are'); END`,
];

export const begin: Migration = {
  version: 1,
  name: 'begin',
  up(db) {
    const tables = [batches, outbox, units, runs, claims, intents, events, ...others];
    for (const sql of [...tables, ...indexes, ...triggers]) db.run(sql);
  },
};
