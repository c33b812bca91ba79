/**
 * Works on a store until it is killed: `statements` kills itself before its n-th statement, `worker` goes on behind the
 * store worker until its parent kills it. What was acknowledged is written to standard output, line by line.
 */
import { writeSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createStationStore } from '../../src-main/station/queue/station-store.ts';
import { openStore } from '../../src-main/station/queue/store.ts';
import { claimsOf, startOf, tpmPass } from './store-units.ts';

const [mode, file = '', count = '0'] = process.argv.slice(2);
const told = (line: string): void => void writeSync(1, `${line}\n`);

function killBeforeStatement(n: number): void {
  let left = n;
  const dieInTime = (): void => {
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const driver = BetterSqlite.prototype as unknown as Record<'prepare' | 'exec', (sql: string) => unknown>;
  const { prepare, exec } = driver;
  driver.exec = function killable(sql) {
    dieInTime();
    return exec.call(this, sql);
  };
  driver.prepare = function killable(sql) {
    const statement = prepare.call(this, sql) as Record<string, unknown>;
    for (const way of ['run', 'get', 'all']) {
      const original = statement[way] as (...values: unknown[]) => unknown;
      statement[way] = (...values: unknown[]) => {
        dieInTime();
        return original.apply(statement, values);
      };
    }
    return statement;
  };
}

function statements(n: number): void {
  const { operations } = must(openStore({ file, random: systemRandom, nowMs: () => systemClock.nowMs() }));
  const [view] = must(operations.listBatches());
  const batch = must(operations.openedBatch(view?.batchId ?? ''));
  const record = tpmPass('SN1');
  const start = startOf(batch, 'SN1');
  const intent = { step: 'write-settings', requestId: 'q-1' } as const;
  killBeforeStatement(n);
  const acts = {
    begun: () => operations.begin(start),
    claimed: () => operations.claim(start.runId, claimsOf(record)),
    intended: () => operations.intend(start.runId, intent),
    fulfilled: () => operations.fulfil(start.runId, intent, 'done'),
    passed: () => operations.pass(start.runId, record),
  };
  for (const [name, act] of Object.entries(acts)) {
    must<unknown>(act());
    told(name);
  }
}

async function behindWorker(): Promise<void> {
  const workerEntry = new URL('../../src-main/station/queue/store-worker-main.ts', import.meta.url);
  const store = must(await createStationStore({ file, workerEntry, clock: systemClock, log: silentLog }));
  const [view] = must(await store.listBatches());
  const batch = must(await store.openedBatch(view?.batchId ?? ''));
  // Four slots at once, as a bench has them; far more units than a kill leaves time for.
  const slot = async (first: number): Promise<void> => {
    for (let n = first; n < 9_999; n += 4) {
      const name = `SN${count}${String(n).padStart(4, '0')}`;
      const start = startOf(batch, name);
      must(await store.begin(start));
      must(await store.claim(start.runId, claimsOf(tpmPass(name))));
      must(await store.pass(start.runId, tpmPass(name)));
      told(name);
    }
  };
  await Promise.all([0, 1, 2, 3].map(slot));
}

if (mode === 'statements') statements(Number(count));
else await behindWorker();
