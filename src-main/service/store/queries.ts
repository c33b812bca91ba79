/**
 * Queries that are built and compiled once, then run with other values: kysely's builders take several times as long as
 * SQLite takes to answer, and one registration asks some fifteen things.
 */
import type { Compilable, QueryResult } from 'kysely';
import type { Db } from './access.ts';

/** Stands for a value that each run brings. */
class Slot {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

type Values = Readonly<Record<string, string | number | null>>;

export interface Query<V extends Values, Row> {
  run(db: Db, values: V): Promise<QueryResult<Row>>;
  first(db: Db, values: V): Promise<Row | undefined>;
}

/** `build` is called once, with slots in place of values: it may compare, insert and set them, and nothing else. */
export function query<V extends Values, Row>(build: (slots: V) => Compilable<Row>): Query<V, Row> {
  const slots = new Proxy({}, { get: (_target, name) => new Slot(String(name)) }) as V;
  const compiled = build(slots).compile();
  const run = (db: Db, values: V): Promise<QueryResult<Row>> => {
    const parameters = compiled.parameters.map((one) => (one instanceof Slot ? values[one.name] : one));
    return db.executeQuery<Row>({ ...compiled, parameters });
  };
  return {
    run,
    first: async (db, values) => (await run(db, values)).rows[0],
  };
}
