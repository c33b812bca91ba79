/** What the store's suites share: a folder of their own, a batch, and a unit's way to its pass. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { Batch, BatchTerms } from '../../src-main/station/batches/model.ts';
import type { PassRecord } from '../../src-main/station/bench/ports.ts';
import { walkChain } from '../../src-main/station/queue/chain-walk.ts';
import { type Store, type StoreOperations, openStore } from '../../src-main/station/queue/store.ts';

import { sqliteRows } from '../flows/support/witness-sqlite.ts';
import { claimsOf, signer, someTerms, startMs, startOf } from './store-units.ts';

const folders: string[] = [];
const stores: Store[] = [];

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-store-'));
  folders.push(folder);
  return folder;
}

export interface TestStore {
  readonly file: string;
  readonly store: Store;
  readonly ops: StoreOperations;
  nowMs: number;
}

export function newStore(file = join(newFolder(), 'station.db')): TestStore {
  const clock = { nowMs: startMs };
  const store = must(openStore({ file, random: systemRandom, nowMs: () => clock.nowMs }));
  stores.push(store);
  const opened = Object.assign(clock, { file, store, ops: store.operations });
  return opened;
}

export function openedBatch(ops: StoreOperations, change: Partial<BatchTerms> = {}): Batch {
  const view = must(ops.openBatch({ terms: someTerms(change), openedBy: 'Sam', signer }));
  return must(ops.openedBatch(view.batchId));
}

/** The whole way of a unit, from scan to pass. */
export function passUnit(ops: StoreOperations, batch: Batch, record: PassRecord, serialNumber: string): void {
  const start = startOf(batch, serialNumber, `run-${serialNumber}`, record.endedMs - 4_000);
  must(ops.begin(start));
  must(ops.claim(start.runId, claimsOf(record)));
  must(ops.pass(start.runId, record));
}

export function codeOf(result: {
  readonly ok: boolean;
  readonly fault?: { readonly code: string };
}): string | undefined {
  return result.fault?.code;
}

/** The bodies of all events of a kind, as an outsider reads them. */
export function eventsOf(file: string, kind: string): readonly unknown[] {
  const rows = sqliteRows(file, `SELECT body FROM events WHERE kind = '${kind}' ORDER BY seq`);
  return rows.map((row) => JSON.parse(String(row['body'])) as unknown);
}

/** The walk that `verifyChain` does, over a store in this process. */
export function chainOf(ops: StoreOperations) {
  return walkChain({
    verifyPage: async (from) => ops.verifyPage(from),
    verifyPasses: async (after) => ops.verifyPasses(after),
  });
}
