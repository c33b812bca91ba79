/** How the parts of the store reach its tables. */
import type { Kysely, Transaction } from 'kysely';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { Stored } from '../core/ports.ts';
import type { Tables } from './schema.ts';

export type Db = Kysely<Tables>;

export interface Access {
  /** One statement, or reads that need not agree with each other. */
  readonly look: <T>(work: (db: Db) => Promise<T>) => Stored<T>;
  readonly change: <T>(work: (db: Transaction<Tables>) => Promise<T>) => Stored<T>;
  /** As `look`, for a query that is compiled once: in one turn. */
  readonly glance: <T>(work: (db: ReadDb) => T) => Stored<T>;
  /** A change of compiled queries, in one commit with what is asked for at the same time. `work` may run twice. */
  readonly join: <T>(work: (db: WriteDb) => T) => Stored<T>;
  /** For queries that are compiled once. */
  readonly db: Db;
}
