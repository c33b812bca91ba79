import type { Migration } from '../../../lib/sqlite/migrate.ts';

/** A device of a hub belongs to one registration: kept by the database, whichever process asks. */
const statements = [
  `CREATE TABLE device_places (
    hub TEXT NOT NULL,
    device_id TEXT NOT NULL,
    registration_key TEXT NOT NULL,
    PRIMARY KEY (hub, device_id)
  ) STRICT, WITHOUT ROWID`,
  `CREATE INDEX device_places_by_registration ON device_places (registration_key)`,
  // Who lives there, has it; then who is on the way, the first first.
  `INSERT OR IGNORE INTO device_places
    SELECT assigned_hub, device_id, key FROM registrations
    WHERE assigned_hub IS NOT NULL AND device_id IS NOT NULL ORDER BY updated_ms`,
  `INSERT OR IGNORE INTO device_places
    SELECT plan ->> '$.hub', plan ->> '$.deviceId', registration_key FROM operations
    WHERE state = 'assigning' AND plan ->> '$.is' = 'assign' ORDER BY seq`,
  `DROP INDEX registrations_by_device`,
] as const;

export const devicePlaces: Migration = {
  version: 4,
  name: 'device-places',
  up(db) {
    for (const statement of statements) db.run(statement);
  },
};
