/** A unit that a person set aside stays listed until a person ends it: it is taken up again, or scrapped. */
import type { Migration } from '../../../lib/sqlite/migrate.ts';

const recoveries = `CREATE TABLE recoveries_now (
  unit INTEGER PRIMARY KEY REFERENCES units (seq),
  -- The run that was cut; of several, the last.
  run INTEGER NOT NULL REFERENCES runs (seq),
  -- Waiting and named ones are for the station or a person; the others are what became of it.
  state TEXT NOT NULL CHECK (state IN ('waiting', 'named', 'set-aside', 'finished', 'scrapped')),
  -- The station itself stopped in the middle: it takes the unit up again by itself, once.
  is_auto INTEGER NOT NULL,
  interrupted_ms INTEGER NOT NULL,
  fault TEXT CHECK (json_valid(fault)),
  -- What a person decided, who, and when.
  reason TEXT,
  decided_by TEXT,
  decided_ms INTEGER,
  CHECK ((state IN ('set-aside', 'scrapped')) = (reason IS NOT NULL AND decided_by IS NOT NULL AND decided_ms IS NOT NULL))
) STRICT`;

export const setAsideAndScrap: Migration = {
  version: 3,
  name: 'set-aside-and-scrap',
  up(db) {
    db.run(recoveries);
    // A person's naming had a reason and a time; the station's had a fault, and was never closed.
    db.run(
      `INSERT INTO recoveries_now (unit, run, state, is_auto, interrupted_ms, fault, reason, decided_by, decided_ms)
        SELECT unit, run, iif(state = 'named' AND closed_ms IS NOT NULL, 'set-aside', state), is_auto, interrupted_ms,
          fault, reason, named_by, iif(state = 'finished', NULL, closed_ms) FROM recoveries`,
    );
    db.run('DROP TABLE recoveries');
    db.run('ALTER TABLE recoveries_now RENAME TO recoveries');
    db.run('CREATE INDEX recoveries_by_state ON recoveries (state, interrupted_ms)');
  },
};
