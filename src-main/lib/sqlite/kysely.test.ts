import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kysely, type Generated } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../base/result.ts';
import { type Database, openDatabase } from './database.ts';
import { faultOf } from './faults.ts';
import { kyselyDialect } from './kysely.ts';

interface Tables {
  readonly notes: { readonly id: Generated<number>; readonly text: string };
}

let folder = '';
let database: Database;
let db: Kysely<Tables>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kysely-'));
  database = must(openDatabase({ file: join(folder, 'notes.db') }));
  database.driver.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT');
  db = new Kysely<Tables>({ dialect: kyselyDialect(database) });
});
afterEach(async () => {
  await db.destroy();
  rmSync(folder, { recursive: true });
});

const add = (text: string) =>
  db.transaction().execute(async (change) => {
    await change.insertInto('notes').values({ text }).execute();
  });
const texts = async () => (await db.selectFrom('notes').select('text').execute()).map((row) => row.text);

describe('a transaction of kysely', () => {
  it('on a full disk tells of the full disk, and leaves the database at work', async () => {
    await add('first');
    database.driver.pragma('max_page_count = 2');
    const error: unknown = await add('x'.repeat(100_000)).catch((reason: unknown) => reason);
    expect(faultOf(error, 'notes.db')).toMatchObject({ code: 'database-full' });
    await add('second');
    expect(await texts()).toEqual(['first', 'second']);
  });

  it('that throws is rolled back', async () => {
    const thrown = db.transaction().execute(async (change) => {
      await change.insertInto('notes').values({ text: 'lost' }).execute();
      throw new Error('a bug');
    });
    await expect(thrown).rejects.toThrow('a bug');
    expect(await texts()).toEqual([]);
  });
});
