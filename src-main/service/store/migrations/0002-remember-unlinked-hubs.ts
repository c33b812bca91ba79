import type { Migration } from '../../../lib/sqlite/migrate.ts';

/** Whoever starts the service offers its hubs at every start; what a person has unlinked stays unlinked. */
export const rememberUnlinkedHubs: Migration = {
  version: 2,
  name: 'remember-unlinked-hubs',
  up(db) {
    db.run(`CREATE TABLE unlinked_hubs (host_name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID`);
  },
};
