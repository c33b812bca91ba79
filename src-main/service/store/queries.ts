/**
 * Queries that are built and compiled once, then run with other values: kysely's builders take several times as long as
 * SQLite takes to answer, and one registration asks some fifteen things. They run in one turn, without a promise each.
 */
import type { Compilable } from 'kysely';
import type { ReadDb, SqlValue, WriteDb } from '../../lib/sqlite/database.ts';

/** Stands for a value that each run brings. */
class Slot {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

type Values = Readonly<Record<string, string | number | null>>;

export interface Query<V extends Values, Row> {
  first(db: ReadDb, values: V): Row | undefined;
  all(db: ReadDb, values: V): readonly Row[];
  /** How many rows it changed. */
  run(db: WriteDb, values: V): number;
}

/** `build` is called once, with slots in place of values: it may compare, insert and set them, and nothing else. */
export function query<V extends Values, Row>(build: (slots: V) => Compilable<Row>): Query<V, Row> {
  const slots = new Proxy({}, { get: (_target, name) => new Slot(String(name)) }) as V;
  const { sql, parameters } = build(slots).compile();
  const bound = (values: V): readonly SqlValue[] =>
    parameters.map((one) => (one instanceof Slot ? (values[one.name] ?? null) : (one as SqlValue)));
  return {
    first: (db, values) => db.get<Row>(sql, ...bound(values)),
    all: (db, values) => db.all<Row>(sql, ...bound(values)),
    run: (db, values) => db.run(sql, ...bound(values)).changes,
  };
}
