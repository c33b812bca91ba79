import { Worker } from 'node:worker_threads';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { type Log, silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { type StationStore, createStationStore } from '../../src-main/station/queue/station-store.ts';
import { codeOf, newFolder } from './store-fixtures.ts';
import { claimsOf, signer, someTerms, startOf, tpmPass } from './store-units.ts';

const workerEntry = new URL('../../src-main/station/queue/store-worker-main.ts', import.meta.url);
const opened: StationStore[] = [];

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

async function stationStore(file = join(newFolder(), 'station.db'), log: Log = silentLog) {
  const store = must(await createStationStore({ file, workerEntry, clock: systemClock, log }));
  opened.push(store);
  return { store, file };
}

async function batchIn(store: StationStore) {
  const view = must(await store.openBatch({ terms: someTerms({ quantity: 10_000 }), openedBy: 'Sam', signer }));
  return must(await store.openedBatch(view.batchId));
}

/** Frames that end a transaction (sqlite.org/fileformat2.html, section 4.1): the size of the file after it stands in them. */
function commitsIn(wal: string): number {
  const bytes = readFileSync(wal);
  const frameBytes = 24 + bytes.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frameBytes <= bytes.length; at += frameBytes) if (bytes.readUInt32BE(at + 4) > 0) commits += 1;
  return commits;
}

/** Ends the store's thread as a crash of its native code would. */
function killNewestWorker(spy: { mock: { contexts: unknown[] } }): void {
  const worker = spy.mock.contexts.at(-1) as Worker;
  void worker.terminate();
}

describe('the store behind its worker', () => {
  it('does what the core does, and tells what changed', async () => {
    const { store } = await stationStore();
    const changed: string[] = [];
    store.onChange((change) => changed.push(`${change.units.length} ${String(change.outbox)}`));
    const batch = await batchIn(store);
    const start = startOf(batch, 'SN1');
    expect(must(await store.begin(start))).toMatchObject({ runNumber: 1, open: [] });
    must(await store.claim(start.runId, claimsOf(tpmPass('SN1'))));
    must(await store.pass(start.runId, tpmPass('SN1')));
    expect(await store.typicalMs('tpm')).toBe(0);
    expect(await store.typicalMs('x509')).toBeUndefined();
    expect(must(await store.verifyChain()).events).toBeGreaterThan(3);
    expect(changed).toEqual(['0 false', '1 false', '1 true']);
  });

  it('keeps what was acknowledged when the worker dies, answers what was under way, and goes on', async () => {
    const errors: string[] = [];
    const log = { ...silentLog, error: (event: string) => void errors.push(event) };
    const posts = vi.spyOn(Worker.prototype, 'postMessage');
    const { store } = await stationStore(undefined, log);
    const batch = await batchIn(store);
    const acknowledged: string[] = [];
    for (let round = 1; round <= 5; round += 1) {
      const passes = [0, 1, 2, 3].map(async (slot) => {
        const name = `SN${round}${slot}`;
        const start = startOf(batch, name);
        must(await store.begin(start));
        must(await store.claim(start.runId, claimsOf(tpmPass(name))));
        must(await store.pass(start.runId, tpmPass(name)));
        acknowledged.push(name);
      });
      await store.settings();
      killNewestWorker(posts);
      await Promise.all(passes);
    }
    const listed = must(await store.listUnits({ limit: 200, state: 'passed' })).items.map((unit) => unit.serialNumber);
    expect(listed.toSorted()).toEqual(acknowledged.toSorted());
    expect(must(await store.outboxCounts()).pending).toBe(20);
    expect((await store.verifyChain()).ok).toBe(true);
    expect(errors).toContain('store-worker-died');
  });

  it('gives slots that come at once one commit for several, and each its own answer', async () => {
    const { store, file } = await stationStore();
    const batch = await batchIn(store);
    must(await store.begin(startOf(batch, 'SN1')));
    const commitsBefore = commitsIn(`${file}-wal`);
    const names = Array.from({ length: 16 }, (_, at) => `SN${at + 10}`);
    // The one in the middle is refused: its batch is not known.
    const starts = names.map((name, at) => startOf(at === 8 ? { ...batch, batchId: 'other' as never } : batch, name));
    const begun = await Promise.all(starts.map((start) => store.begin(start)));
    expect(begun.map(codeOf)).toEqual(names.map((_, at) => (at === 8 ? 'batch-unknown' : undefined)));
    const commits = commitsIn(`${file}-wal`) - commitsBefore;
    expect(commits).toBeGreaterThan(0);
    expect(commits).toBeLessThan(names.length);
    const listed = must(await store.listUnits({ limit: 200 })).items.map((unit) => unit.serialNumber);
    expect(listed.toSorted()).toEqual(['SN1', ...names.filter((_, at) => at !== 8)].toSorted());
    expect((await store.verifyChain()).ok).toBe(true);
  });

  it('ends what must not be asked twice with a coded fault when its answer was lost', async () => {
    const posts = vi.spyOn(Worker.prototype, 'postMessage');
    const { store } = await stationStore();
    const told = store.appendEvent({ kind: 'a.b', actor: 'Sam', body: {} });
    killNewestWorker(posts);
    // The thread may have answered before it ended.
    expect([undefined, 'store-restarted']).toContain(codeOf(await told));
    expect((await store.settings()).ok).toBe(true);
  });

  it('takes a bounded number of requests at once', async () => {
    const { store } = await stationStore();
    const answers = await Promise.all(Array.from({ length: 300 }, () => store.settings()));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(256);
    expect(new Set(answers.map(codeOf))).toEqual(new Set([undefined, 'store-busy']));
    expect((await store.settings()).ok).toBe(true);
  });

  it('says why it cannot open', async () => {
    const file = join(newFolder(), 'station.db');
    writeFileSync(file, 'this is no database, and longer than a header of sixteen bytes');
    const refused = await createStationStore({ file, workerEntry, clock: systemClock, log: silentLog });
    expect(codeOf(refused)).toBe('database-damaged');
  });

  it('answers with a fault after it was closed', async () => {
    const { store, file } = await stationStore();
    const last = store.settings();
    await store.close();
    expect((await last).ok).toBe(true);
    expect(codeOf(await store.settings())).toBe('store-stopped');
    expect(must(await (await stationStore(file)).store.settings()).stationId).toMatch(/^station-/);
  });
});
