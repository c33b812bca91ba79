/** Durable passes a second: the station's store, against SQLite alone with the same bytes, pragmas and file system. */
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { openDatabase } from '../../src-main/lib/sqlite/database.ts';
import { createStationStore, type StationStore } from '../../src-main/station/queue/station-store.ts';
import { claimsOf, signer, someTerms, startOf, tpmPass } from '../exams/store-units.ts';
import { type BenchContext, type Benchmark, type Figure, median, nowMs } from './runner.ts';

const workerEntry = new URL('../../src-main/station/queue/store-worker-main.ts', import.meta.url);
// Turns of a second or less each, one after the other: a disk that is busy for a while is busy for both.
const turns = 7;
const passesPerTurn = 100;
// As long as real ones (RSA 2048 in a TPM2B_PUBLIC, base64).
const keyText = 'A'.repeat(422);

export const store: Benchmark = {
  name: 'store',
  about: 'PASS committed (run, unit, outbox row, event, evidence: one transaction), one after the other',
  processes: 'one: the store worker is a thread of it, asked by messages as in the station',
  durability: 'WAL, synchronous=FULL, both; the bare one commits one row with the same number of bytes',
  run,
};

async function run({ folder }: BenchContext): Promise<readonly Figure[]> {
  const file = join(folder, 'station.db');
  const station = must(await createStationStore({ file, workerEntry, clock: systemClock, log: silentLog }));
  try {
    const batchId = must(
      await station.openBatch({ terms: someTerms({ quantity: 10_000 }), openedBy: 'Sam', signer }),
    ).batchId;
    const passes: number[] = [];
    const bare: number[] = [];
    await passesPerSecond(station, batchId, 0);
    const bytes = bytesOfPass(file);
    for (let turn = 1; turn <= turns; turn += 1) {
      passes.push(await passesPerSecond(station, batchId, turn));
      bare.push(bareCommitsPerSecond(join(folder, `bare-${turn}.db`), bytes));
    }
    const reference = { name: `bare SQLite, ${bytes} bytes a commit`, value: median(bare) };
    const common = { unit: '1/s', runs: turns } as const;
    return [
      { name: 'passes committed', value: median(passes), ...common, reference, note: `${passesPerTurn} in each run` },
      { name: 'bare commits', value: median(bare), ...common },
    ];
  } finally {
    await station.close();
  }
}

/** What comes before a pass (scan, claims) is done beforehand and not counted. */
async function passesPerSecond(station: StationStore, batchId: string, turn: number): Promise<number> {
  const batch = must(await station.openedBatch(batchId));
  const ready = [];
  for (let at = 0; at < passesPerTurn; at += 1) {
    const serialNumber = `SN${turn}${String(at).padStart(4, '0')}`;
    const keys = { endorsementKey: keyText, storageRootKey: keyText };
    const record = { ...tpmPass(serialNumber, systemClock.nowMs()), ...keys };
    const start = startOf(batch, serialNumber, systemRandom.uuid(), systemClock.nowMs());
    must(await station.begin(start));
    must(await station.claim(start.runId, claimsOf(record)));
    ready.push({ runId: start.runId, record });
  }
  const startMs = nowMs();
  for (const { runId, record } of ready) must(await station.pass(runId, record));
  return (1_000 * passesPerTurn) / (nowMs() - startMs);
}

/** The long columns that one pass fills; its row numbers and times are a few bytes more. */
function bytesOfPass(file: string): number {
  const database = must(openDatabase({ file, readonly: true }));
  const row = must(
    database.read((db) =>
      db.get<{ bytes: number }>(
        `SELECT CAST(
           (SELECT avg(length(evidence)) FROM runs WHERE verdict = 'pass') + (SELECT avg(length(body)) FROM outbox) +
           (SELECT avg(length(body) + length(hash) + length(prev_hash)) FROM events WHERE kind = 'run.passed') +
           (SELECT avg(length(registration_id) + length(device_id) + length(fingerprint)) FROM units) AS INTEGER) AS bytes`,
      ),
    ),
  );
  database.close();
  if (row === undefined) throw new Error('no pass was committed');
  return row.bytes;
}

function bareCommitsPerSecond(file: string, bytes: number): number {
  const database = must(openDatabase({ file }));
  database.driver.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT');
  const insert = database.driver.prepare('INSERT INTO rows (body) VALUES (?)');
  const body = 'A'.repeat(bytes);
  const startMs = nowMs();
  for (let at = 0; at < passesPerTurn; at += 1) insert.run(body);
  const perSecond = (1_000 * passesPerTurn) / (nowMs() - startMs);
  database.close();
  return perSecond;
}
