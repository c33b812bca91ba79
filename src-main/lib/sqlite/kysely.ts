/** A kysely dialect over an open database, for the rooms that must also speak to another SQL server. */
import {
  SqliteDialect,
  SqliteDriver,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely';
import type { Database } from './database.ts';

/** The database stays its opener's to close: kysely's `destroy` closes it only once it was used. */
export function kyselyDialect(db: Database): Dialect {
  return new OwnDialect(db);
}

// Our queries are some dozens, with what a person's filters make of them; beyond this the oldest is dropped.
const maxStatements = 256;

/** Kysely prepares a statement for each run; preparing takes longer than most of ours take to run. */
function preparedOnce({ driver }: Database): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close() {
      driver.close();
    },
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const [oldest] = statements.keys();
      if (statements.size >= maxStatements && oldest !== undefined) statements.delete(oldest);
      const made = driver.prepare(sql);
      statements.set(sql, made);
      return made;
    },
  };
}

class OwnDialect extends SqliteDialect {
  readonly #db: Database;

  constructor(db: Database) {
    super({ database: preparedOnce(db) });
    this.#db = db;
  }

  override createDriver(): Driver {
    return new OwnDriver(this.#db);
  }
}

/** Some failures (a full disk) roll back by themselves: a second ROLLBACK would fail, and hide the first failure. */
class OwnDriver extends SqliteDriver {
  readonly #db: Database;

  constructor(db: Database) {
    super({ database: preparedOnce(db) });
    this.#db = db;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#db.driver.inTransaction) await super.rollbackTransaction(connection);
  }
}
