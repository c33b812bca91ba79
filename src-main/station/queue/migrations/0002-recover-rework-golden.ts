/** What interrupted units left behind, what rework superseded, and golden samples with their runs. */
import type { Migration } from '../../../lib/sqlite/migrate.ts';

const recoveries = `CREATE TABLE recoveries (
  unit INTEGER PRIMARY KEY REFERENCES units (seq),
  -- The run that was cut; of several, the last.
  run INTEGER NOT NULL REFERENCES runs (seq),
  state TEXT NOT NULL CHECK (state IN ('waiting', 'finished', 'named')),
  -- The station itself stopped in the middle: it takes the unit up again by itself, once.
  is_auto INTEGER NOT NULL,
  interrupted_ms INTEGER NOT NULL,
  fault TEXT CHECK (json_valid(fault)),
  reason TEXT,
  named_by TEXT,
  -- It passed, or a person set it aside: shown until the next start.
  closed_ms INTEGER
) STRICT`;

const supersessions = `CREATE TABLE supersessions (
  seq INTEGER PRIMARY KEY,
  unit INTEGER NOT NULL REFERENCES units (seq),
  reason TEXT NOT NULL,
  by TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  attestation TEXT NOT NULL,
  registration_id TEXT NOT NULL,
  device_id TEXT,
  fingerprint TEXT,
  hub TEXT,
  outbox INTEGER REFERENCES outbox (id),
  passed_ms INTEGER NOT NULL,
  -- By the clock of the service that told it.
  registered_ms INTEGER
) STRICT`;

const goldenSamples = `CREATE TABLE golden_samples (
  serial_number TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  expect TEXT NOT NULL CHECK (expect IN ('pass', 'fail')),
  added_ms INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  removed_ms INTEGER
) STRICT, WITHOUT ROWID`;

const goldenRuns = `CREATE TABLE golden_runs (
  seq INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  serial_number TEXT NOT NULL REFERENCES golden_samples (serial_number),
  batch INTEGER NOT NULL REFERENCES batches (seq),
  slot INTEGER NOT NULL,
  operator TEXT NOT NULL,
  expect TEXT NOT NULL,
  phase TEXT,
  verdict TEXT CHECK (verdict IN ('pass', 'fail', 'error')),
  fault TEXT CHECK (json_valid(fault)),
  is_as_expected INTEGER NOT NULL DEFAULT 0,
  started_ms INTEGER NOT NULL,
  ended_ms INTEGER
) STRICT`;

const changes = [
  // What became of a closed intent; a refusal of the unit is no act that could be repeated.
  `ALTER TABLE intents ADD COLUMN outcome TEXT CHECK (outcome IN ('done', 'refused'))`,
  // What was to be written, where making it again would make another one: a certificate.
  'ALTER TABLE intents ADD COLUMN content BLOB',
  // The unit passed, failed or was opened for rework since: its next run begins afresh.
  'ALTER TABLE intents ADD COLUMN spent_ms INTEGER',
  // Put in place of what the service holds under the key, or disabled there.
  `ALTER TABLE outbox ADD COLUMN act TEXT NOT NULL DEFAULT 'create' CHECK (act IN ('create', 'replace', 'disable'))`,
];

const indexes = [
  'CREATE INDEX recoveries_by_closed ON recoveries (closed_ms, interrupted_ms)',
  'CREATE INDEX supersessions_by_unit ON supersessions (unit, seq)',
  'CREATE INDEX golden_runs_by_batch ON golden_runs (batch, operator, ended_ms) WHERE is_as_expected = 1',
  'CREATE INDEX golden_runs_by_sample ON golden_runs (serial_number, seq)',
  'CREATE INDEX intents_by_unit ON intents (unit, seq)',
];

export const recoverReworkGolden: Migration = {
  version: 2,
  name: 'recover-rework-golden',
  up(db) {
    const tables = [recoveries, supersessions, goldenSamples, goldenRuns];
    for (const sql of [...tables, ...changes, ...indexes]) db.run(sql);
    // Acts that an older version closed had been done, as far as anybody knows; each is spent: none is repeated.
    db.run(`UPDATE intents SET outcome = 'done', spent_ms = closed_ms WHERE closed_ms IS NOT NULL`);
  },
};
