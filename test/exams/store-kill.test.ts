/** What was acknowledged is on disk: a process is killed before each statement, and at any moment behind the worker. */
import { spawn } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import BetterSqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import type { ReportUnit } from '../../src-main/station/batches/store-ports.ts';
import { openStoreReader } from '../../src-main/station/queue/reader.ts';
import type { StoreOperations } from '../../src-main/station/queue/store.ts';
import { chainOf, newFolder, newStore, openedBatch, passUnit } from './store-fixtures.ts';
import { run, startMs, tpmPass } from './store-units.ts';

const child = fileURLToPath(new URL('store-kill-child.ts', import.meta.url));

interface Ended {
  readonly acknowledged: readonly string[];
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
}

/** Kills it after `killAfter` acknowledgements, unless it ends by itself. */
function worked(args: readonly string[], killAfter = Number.POSITIVE_INFINITY): Promise<Ended> {
  const process_ = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  process_.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    if (text.split('\n').length > killAfter) process_.kill('SIGKILL');
  });
  return new Promise((resolve) => {
    process_.on('close', (code, signal) => {
      // The last line may be cut: then nobody heard it.
      resolve({ acknowledged: text.split('\n').slice(0, -1), signal, code });
    });
  });
}

function isSound(file: string): boolean {
  const db = new BetterSqlite(file, { readonly: true });
  const complaints = db.pragma('integrity_check') as { integrity_check: string }[];
  const orphans = db.pragma('foreign_key_check') as unknown[];
  db.close();
  return complaints[0]?.integrity_check === 'ok' && orphans.length === 0;
}

function expectToHold(acknowledged: readonly string[], ops: StoreOperations): void {
  const [unit] = must(ops.listUnits({ limit: 9 })).items;
  const isPassed = unit?.state === 'passed';
  const open = must(ops.interrupted());
  if (acknowledged.includes('begun')) expect(open.map((one) => one.runId)).toEqual(isPassed ? [] : ['run-SN1']);
  if (acknowledged.includes('passed')) expect(isPassed).toBe(true);
  expect(open[0]?.open.length ?? 0).toBeLessThanOrEqual(1);
  expect(must(ops.outboxCounts()).pending).toBe(isPassed ? 1 : 0);
}

function finish(ops: StoreOperations): void {
  const [unit] = must(ops.listUnits({ limit: 9 })).items;
  const batch = must(ops.openedBatch(must(ops.listBatches())[0]?.batchId ?? ''));
  if (unit?.state === 'passed') expect(ops.pass(run('run-SN1'), tpmPass('SN1')).ok).toBe(true);
  else passUnit(ops, batch, tpmPass('SN1'), 'SN1');
  expect(must(ops.outboxCounts()).pending).toBe(1);
}

it('keeps every acknowledged step when killed before any statement, and goes on from there', async () => {
  const template = newStore();
  openedBatch(template.ops);
  template.store.close();
  const verdicts: string[] = [];
  let kills = 0;
  for (let statement = 1; ; statement += 1) {
    const file = join(newFolder(), 'station.db');
    copyFileSync(template.file, file);
    const ended = await worked(['statements', file, String(statement)]);
    expect(isSound(file)).toBe(true);
    const { ops, store } = newStore(file);
    const [unit] = must(ops.listUnits({ limit: 9 })).items;
    expectToHold(ended.acknowledged, ops);
    expect((await chainOf(ops)).ok).toBe(true);
    verdicts.push(unit?.state ?? 'unknown');
    // The next start finishes the unit, and there is one enrollment, never two.
    finish(ops);
    store.close();
    if (ended.signal === null) break;
    expect(ended.signal).toBe('SIGKILL');
    kills += 1;
  }
  expect(kills).toBeGreaterThanOrEqual(30);
  expect(new Set(verdicts)).toEqual(new Set(['unknown', 'in-work', 'passed']));
}, 180_000);

it('keeps every acknowledged pass once, with its enrollment, however often the station is killed', async () => {
  const { file, ops, store } = newStore();
  openedBatch(ops, { quantity: 100_000 });
  store.close();
  const acknowledged = new Set<string>();
  for (let kill = 1; kill <= 8; kill += 1) {
    const ended = await worked(['worker', file, String(kill)], 1 + ((kill * 7) % 23));
    expect(ended.signal).toBe('SIGKILL');
    for (const name of ended.acknowledged) acknowledged.add(name);
    expect(isSound(file)).toBe(true);
  }
  const after = newStore(file);
  after.nowMs = startMs + 60_000;
  expect((await chainOf(after.ops)).ok).toBe(true);
  const reader = must(openStoreReader(file));
  const batch = must(await reader.reportBatch('latest'));
  const passed: string[] = [];
  for (let next = 0, isMore = true; isMore;) {
    const page: { readonly units: readonly ReportUnit[]; readonly next?: number } = must(
      await reader.reportUnits(batch.batchId, next),
    );
    for (const unit of page.units.filter(({ state }) => state === 'passed')) {
      expect(unit).toMatchObject({ verdict: 'pass', enrollmentKey: `reg-${unit.serialNumber.toLowerCase()}` });
      passed.push(unit.serialNumber);
    }
    isMore = page.next !== undefined;
    next = page.next ?? 0;
  }
  reader.close();
  expect(passed.filter((name) => acknowledged.has(name)).sort()).toEqual([...acknowledged].sort());
  expect(must(after.ops.outboxCounts()).pending).toBe(passed.length);
}, 120_000);
