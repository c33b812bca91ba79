/** The name of a golden sample is taken as long as the sample is in use; one that was removed keeps the name it had. */
import type { Migration } from '../../../lib/sqlite/migrate.ts';

// SQLite drops no constraint of a column: the table is made anew, and with it the one that refers to it.
const samples = `CREATE TABLE golden_samples_now (
  serial_number TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  expect TEXT NOT NULL CHECK (expect IN ('pass', 'fail')),
  added_ms INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  removed_ms INTEGER
) STRICT, WITHOUT ROWID`;

const runs = `CREATE TABLE golden_runs_now (
  seq INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  serial_number TEXT NOT NULL REFERENCES golden_samples_now (serial_number),
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

// Format 2 put the serial number before the name of a removed sample when another one took that name.
const ownName = `iif(removed_ms IS NOT NULL AND substr(name, 1, length(serial_number) + 1) = serial_number || ' ',
  substr(name, length(serial_number) + 2), name)`;

export const namesOfGoldenSamples: Migration = {
  version: 4,
  name: 'names-of-golden-samples',
  up(db) {
    db.run(samples);
    db.run(runs);
    db.run(
      `INSERT INTO golden_samples_now (serial_number, name, expect, added_ms, added_by, removed_ms)
        SELECT serial_number, ${ownName}, expect, added_ms, added_by, removed_ms FROM golden_samples`,
    );
    db.run('INSERT INTO golden_runs_now SELECT * FROM golden_runs');
    db.run('DROP TABLE golden_runs');
    db.run('DROP TABLE golden_samples');
    // What refers to a table follows it to its new name.
    db.run('ALTER TABLE golden_samples_now RENAME TO golden_samples');
    db.run('ALTER TABLE golden_runs_now RENAME TO golden_runs');
    db.run('CREATE INDEX golden_runs_by_batch ON golden_runs (batch, ended_ms) WHERE is_as_expected = 1');
    db.run('CREATE INDEX golden_runs_by_sample ON golden_runs (serial_number, seq)');
    db.run('CREATE UNIQUE INDEX golden_samples_in_use ON golden_samples (name) WHERE removed_ms IS NULL');
  },
};
