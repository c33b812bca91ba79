import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, ok } from '../../../src-main/lib/base/result.ts';
import { openDatabase } from '../../../src-main/lib/sqlite/database.ts';
import { tell, unmet } from './tell.ts';

const folder = mkdtempSync(join(tmpdir(), 'benchline-sqlite-'));
const file = join(folder, 'station.db');
// Enough rows of enough kinds for the collector to run between them: a wrong build ends here with a segmentation fault.
const rows = 20_000;
const blob = Uint8Array.from({ length: 256 }, (_, at) => at);

const first = must(openDatabase({ file }));
must(
  first.write((db) => {
    db.run('CREATE TABLE units (id INTEGER PRIMARY KEY, serial TEXT NOT NULL, key BLOB NOT NULL) STRICT');
    for (let at = 0; at < rows; at += 1) db.run('INSERT INTO units (serial, key) VALUES (?, ?)', `SN-${at}`, blob);
    return ok();
  }),
);
const strict = takes(() => first.write((db) => ok(db.run("INSERT INTO units (serial, key) VALUES ('a', 'text')"))));
first.close();

/** A wrong type is a bug of ours, and thrown. */
function takes(change: () => { readonly ok: boolean }): boolean {
  try {
    return change().ok;
  } catch {
    return false;
  }
}

interface Unit {
  readonly id: number;
  readonly serial: string;
  readonly key: Uint8Array;
}

const again = must(openDatabase({ file }));
const count = must(again.read((db) => db.get<{ n: number }>('SELECT count(*) AS n FROM units')))?.n;
const seen = must(
  again.read((db) => {
    let sum = 0;
    for (const unit of db.each<Unit>('SELECT * FROM units')) sum += unit.key.length + unit.serial.length;
    return sum;
  }),
);
const last = must(again.read((db) => db.get<Unit>('SELECT * FROM units WHERE id = ?', rows)));
const sound = again.checkIntegrity();
again.close();
rmSync(folder, { recursive: true, force: true });

const serials = Array.from({ length: rows }, (_, at) => `SN-${at}`.length).reduce((sum, length) => sum + length, 0);
tell(
  unmet([
    { what: 'all committed rows are there after it is opened again', holds: count === rows },
    { what: 'every row is read whole', holds: seen === rows * blob.length + serials },
    { what: 'bytes come back as they were', holds: last !== undefined && Buffer.from(last.key).equals(blob) },
    { what: 'a STRICT table refuses a wrong type', holds: !strict },
    { what: 'the file is sound', holds: sound.ok },
  ]),
);
