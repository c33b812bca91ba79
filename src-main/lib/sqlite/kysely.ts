/** A kysely dialect over an open database, for the rooms that must also speak to another SQL server. */
import { SqliteDialect, SqliteDriver, type DatabaseConnection, type Dialect, type Driver } from 'kysely';
import type { Database } from './database.ts';

/** The database stays its opener's to close; kysely's `destroy` closes it too. */
export function kyselyDialect(db: Database): Dialect {
  return new OwnDialect(db);
}

class OwnDialect extends SqliteDialect {
  readonly #db: Database;

  constructor(db: Database) {
    super({ database: db.driver });
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
    super({ database: db.driver });
    this.#db = db;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#db.driver.inTransaction) await super.rollbackTransaction(connection);
  }
}
