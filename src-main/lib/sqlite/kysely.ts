/** A kysely dialect over an open database, for the rooms that must also speak to another SQL server. */
import { SqliteDialect, type Dialect } from 'kysely';
import type { Database } from './database.ts';

/** The database stays its opener's to close; kysely's `destroy` closes it too. */
export function kyselyDialect(db: Database): Dialect {
  return new SqliteDialect({ database: db.driver });
}
