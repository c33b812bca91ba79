/** A station's store with units that passed, and its sync against some service. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { ConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import type { UnitView } from '../../src-main/contract/views.ts';
import type { Batch, BatchTerms } from '../../src-main/station/batches/model.ts';
import type { BatchSigner } from '../../src-main/station/batches/terms.ts';
import type { PassRecord } from '../../src-main/station/bench/ports.ts';
import { createStationStore } from '../../src-main/station/queue/station-store.ts';
import { createBudget } from '../../src-main/station/sync/budget.ts';
import { createHubRegistry } from '../../src-main/station/sync/hub-registry.ts';
import { startLifeWatch } from '../../src-main/station/sync/life-watch.ts';
import { type Sync, startSync } from '../../src-main/station/sync/sync.ts';
import { createTargetClient } from '../../src-main/station/sync/target-client.ts';
import { claimsOf, signer, someTerms, startOf } from '../exams/store-units.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const workerEntry = new URL('../../src-main/station/queue/store-worker-main.ts', import.meta.url);

export interface Service {
  readonly connection: ConnectionString;
  readonly caPem: string;
}

export async function openSyncBed() {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-sync-'));
  const file = join(folder, 'station.db');
  const store = must(await createStationStore({ file, workerEntry, clock: systemClock, log: silentLog }));
  const closing: (() => Promise<void>)[] = [];
  return {
    folder,
    file,
    store,
    async batch(change: Partial<BatchTerms> = {}, by: BatchSigner = signer): Promise<Batch> {
      const terms = someTerms({ quantity: 10_000, ...change });
      const view = must(await store.openBatch({ terms, openedBy: 'Sam', signer: by }));
      return must(await store.openedBatch(view.batchId));
    },
    async pass(batch: Batch, serialNumber: string, recordOf: (name: string, endedMs: number) => PassRecord) {
      const nowMs = systemClock.nowMs();
      const record = recordOf(serialNumber, nowMs);
      const start = startOf(batch, serialNumber, `run-${serialNumber}`, nowMs);
      must(await store.begin(start));
      must(await store.claim(start.runId, claimsOf(record)));
      must(await store.pass(start.runId, record));
    },
    sync({ connection, caPem }: Service): Sync {
      const target = createTargetClient({ connection, caPem }, parts);
      const sync = startSync({ store, target, budget: createBudget(systemClock), ...parts });
      closing.push(async () => {
        await sync.stop();
        target.close();
      });
      return sync;
    },
    watch({ connection, caPem }: Service, hubs: readonly ConnectionString[]): void {
      const target = createTargetClient({ connection, caPem }, parts);
      const registry = createHubRegistry({ connections: hubs, caPem }, parts);
      const life = startLifeWatch({ store, target, hubs: registry, budget: createBudget(systemClock), ...parts });
      closing.push(async () => {
        await life.stop();
        target.close();
        registry.close();
      });
    },
    async units(): Promise<readonly UnitView[]> {
      return must(await store.listUnits({ limit: 200 })).items;
    },
    async close(): Promise<void> {
      for (const close of closing.splice(0)) await close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type SyncBed = Awaited<ReturnType<typeof openSyncBed>>;
