import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failed, must, ok } from '../base/result.ts';
import { openDatabase, type Database } from './database.ts';
import { sqliteFault } from './faults.ts';
import { kyselyDialect } from './kysely.ts';
import { databaseVersion, migrate, type Migration } from './migrate.ts';

const createUnits: Migration = {
  version: 1,
  name: 'create-units',
  up: (db) => void db.run('CREATE TABLE units (id TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT'),
};
const addParts: Migration = {
  version: 2,
  name: 'add-parts',
  up: (db) => void db.run('CREATE TABLE parts (unit TEXT NOT NULL REFERENCES units (id)) STRICT'),
};

let folder = '';
let file = '';
let db: Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-sqlite-'));
  file = join(folder, 'store.db');
  db = must(openDatabase({ file }));
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

function codeOf(result: { ok: boolean; fault?: { code: string } }): string | undefined {
  return result.fault?.code;
}

describe('opening a file', () => {
  it('sets WAL, full sync and foreign keys, and they read back so', () => {
    expect(db.driver.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.driver.pragma('synchronous', { simple: true })).toBe(2);
    expect(db.driver.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(db.driver.pragma('busy_timeout', { simple: true })).toBe(5_000);
  });

  it('names a missing folder instead of throwing', () => {
    expect(codeOf(openDatabase({ file: join(folder, 'nowhere', 'a.db') }))).toBe('database-cannot-open');
  });

  it('calls a file that is no database damaged', () => {
    const text = join(folder, 'text.db');
    writeFileSync(text, 'this is not a database, whatever its name says. '.repeat(100));
    expect(codeOf(openDatabase({ file: text }))).toBe('database-damaged');
  });

  it('names a native binding that is not there', () => {
    expect(codeOf(openDatabase({ file: join(folder, 'b.db'), nativeBinding: join(folder, 'none.node') }))).toBe(
      'database-cannot-open',
    );
  });

  it('alone lets nobody in, not even to look, until it is closed, and keeps as much', () => {
    const own = join(folder, 'own.db');
    const sole = must(openDatabase({ file: own, sole: true }));
    expect(sole.driver.pragma('locking_mode', { simple: true })).toBe('exclusive');
    expect(sole.driver.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(sole.driver.pragma('synchronous', { simple: true })).toBe(2);
    must(migrate(sole, [createUnits]));
    for (const readonly of [false, true]) {
      expect(codeOf(openDatabase({ file: own, readonly, busyTimeoutMs: 0 }))).toBe('database-busy');
    }
    expect(codeOf(openDatabase({ file: own, sole: true, busyTimeoutMs: 0 }))).toBe('database-busy');
    sole.close();
    const after = must(openDatabase({ file: own }));
    expect(databaseVersion(after)).toBe(1);
    after.close();
  });

  it('alone is refused while another has it open', () => {
    must(migrate(db, [createUnits]));
    expect(codeOf(openDatabase({ file, sole: true, busyTimeoutMs: 0 }))).toBe('database-busy');
  });

  it('refuses to write through a handle opened for reading', () => {
    must(migrate(db, [createUnits]));
    const reader = must(openDatabase({ file, readonly: true }));
    expect(codeOf(reader.write((write) => ok(write.run("INSERT INTO units VALUES ('a', 1)"))))).toBe(
      'database-disk-failed',
    );
    reader.close();
  });
});

describe('transactions', () => {
  beforeEach(() => void must(migrate(db, [createUnits, addParts])));
  const count = (): number | undefined =>
    must(db.read((read) => read.get<{ n: number }>('SELECT count(*) AS n FROM units')))?.n;

  it('keep what was committed for another connection', () => {
    must(db.write((write) => ok(write.run('INSERT INTO units VALUES (?, ?)', 'a', 1))));
    const other = must(openDatabase({ file, readonly: true }));
    expect(must(other.read((read) => read.all('SELECT * FROM units')))).toEqual([{ id: 'a', n: 1 }]);
    other.close();
  });

  it('roll back when the change fails or throws', () => {
    const refused = db.write((write) => {
      write.run("INSERT INTO units VALUES ('a', 1)");
      return failed(sqliteFault('database-conflict', { constraint: 'x' }));
    });
    expect(refused.ok).toBe(false);
    expect(() =>
      db.write((write) => {
        write.run("INSERT INTO units VALUES ('b', 1)");
        throw new Error('bug');
      }),
    ).toThrow('bug');
    expect(count()).toBe(0);
  });

  it('tell a duplicate as a conflict that names the column', () => {
    const twice = db.write((write) => {
      write.run("INSERT INTO units VALUES ('a', 1)");
      return ok(write.run("INSERT INTO units VALUES ('a', 2)"));
    });
    expect(twice).toMatchObject({
      ok: false,
      fault: { code: 'database-conflict', detail: { constraint: 'units.id' } },
    });
    expect(count()).toBe(0);
  });

  const insert = (id: string) => db.write((write) => ok(write.run('INSERT INTO units VALUES (?, ?)', id, 1)));

  it('that are made together are one commit, and a refused one is undone alone', () => {
    const other = must(openDatabase({ file, readonly: true }));
    const seen = (): readonly unknown[] => must(other.read((read) => read.all('SELECT id FROM units')));
    const refused = failed(sqliteFault('database-full'));
    const results = must(
      db.together(() => [
        insert('a').ok,
        db.write((write) => {
          write.run('INSERT INTO units VALUES (?, ?)', 'b', 1);
          return refused;
        }).ok,
        insert('c').ok,
        count(),
        seen().length,
      ]),
    );
    expect(results).toEqual([true, false, true, 2, 0]);
    expect(seen()).toEqual([{ id: 'a' }, { id: 'c' }]);
    other.close();
  });

  it('that are made together are all undone by an exception or a fault of the file, and the next goes on', () => {
    const broken = () =>
      db.together(() => {
        must(insert('a'));
        must(db.write(() => ok()));
        return db.write(() => {
          throw new Error('a bug');
        });
      });
    expect(broken).toThrow('a bug');
    expect(codeOf(db.together(() => [insert('b'), insert('b')]))).toBe('database-conflict');
    expect(count()).toBe(0);
    must(insert('c'));
    expect(count()).toBe(1);
    expect(() => db.together(() => db.together(() => 1))).toThrow('inside a transaction');
  });

  it('are never nested', () => {
    expect(() => db.write(() => db.write(() => ok()))).toThrow('inside a transaction');
  });

  it('tell a lock held by another program as busy', () => {
    const other = must(openDatabase({ file, busyTimeoutMs: 1 }));
    const inner = db.write(() => ok(other.write((write) => ok(write.run("INSERT INTO units VALUES ('a', 1)")))));
    expect(codeOf(must(inner))).toBe('database-busy');
    other.close();
  });

  it('hold strict types and foreign keys', () => {
    expect(() => db.write((write) => ok(write.run("INSERT INTO units VALUES ('a', 'text')")))).toThrow('cannot store');
    expect(() => db.write((write) => ok(write.run("INSERT INTO parts VALUES ('nobody')")))).toThrow('FOREIGN KEY');
  });

  it('read row by row', () => {
    must(db.write((write) => ok([1, 2, 3].map((n) => write.run('INSERT INTO units VALUES (?, ?)', `u${n}`, n)))));
    expect(must(db.read((read) => Array.from(read.each<{ n: number }>('SELECT n FROM units ORDER BY n'))))).toEqual([
      { n: 1 },
      { n: 2 },
      { n: 3 },
    ]);
  });
});

describe('migrations', () => {
  it('bring a file up one step at a time and are done once', () => {
    expect(must(migrate(db, [createUnits]))).toEqual({ from: 0, to: 1 });
    expect(must(migrate(db, [createUnits, addParts]))).toEqual({ from: 1, to: 2 });
    expect(must(migrate(db, [createUnits, addParts]))).toEqual({ from: 2, to: 2 });
  });

  it('leave the file whole at the step before the one that failed', () => {
    const broken: Migration = {
      version: 2,
      name: 'broken',
      up(write) {
        write.run('CREATE TABLE half (id TEXT) STRICT');
        write.run('CREATE TABLE units (id TEXT) STRICT');
      },
    };
    expect(codeOf(migrate(db, [createUnits, broken]))).toBe('database-migration-failed');
    expect(databaseVersion(db)).toBe(1);
    expect(must(db.read((read) => read.get("SELECT 1 FROM sqlite_schema WHERE name = 'half'")))).toBeUndefined();
  });

  it('refuse a file that a newer version wrote', () => {
    must(migrate(db, [createUnits, addParts]));
    expect(codeOf(migrate(db, [createUnits]))).toBe('database-newer');
  });

  it('must be numbered without a gap', () => {
    expect(() => migrate(db, [addParts])).toThrow('must be number 1');
  });
});

describe('the integrity check', () => {
  it('passes a sound file', () => {
    must(migrate(db, [createUnits]));
    expect(db.checkIntegrity().ok).toBe(true);
  });

  it('finds a row that has lost its parent', () => {
    must(migrate(db, [createUnits, addParts]));
    const raw = new BetterSqlite(file);
    raw.pragma('foreign_keys = OFF');
    raw.exec("INSERT INTO parts VALUES ('nobody')");
    raw.close();
    expect(codeOf(db.checkIntegrity())).toBe('database-damaged');
  });
});

it('speaks kysely over the same file', async () => {
  must(migrate(db, [createUnits]));
  const sql = new Kysely<{ units: { id: string; n: number } }>({ dialect: kyselyDialect(db) });
  await sql.insertInto('units').values({ id: 'a', n: 7 }).execute();
  expect(await sql.selectFrom('units').selectAll().execute()).toEqual([{ id: 'a', n: 7 }]);
});
