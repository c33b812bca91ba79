/** A station's file as others may read it: without a right to change it, also while the station works. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { openDatabase } from '../../lib/sqlite/database.ts';
import { databaseVersion } from '../../lib/sqlite/migrate.ts';
import type { ReportSource } from '../batches/store-ports.ts';
import { flattened } from './batches.ts';
import { type SoundChain, walkChain } from './chain-walk.ts';
import { verifyPage, verifyPasses } from './events.ts';
import { storeFault } from './faults.ts';
import { reportBatch, reportUnits } from './report-rows.ts';
import { keptIn } from './slots.ts';
import { migrations } from './store.ts';

export interface StoreReader extends ReportSource {
  verifyChain(): Promise<Result<SoundChain>>;
  /** What each slot is bound to. */
  keptSlots(): Result<readonly { readonly slot: number; readonly address: string }[]>;
  close(): void;
}

export function openStoreReader(file: string): Result<StoreReader> {
  const opened = openDatabase({ file, readonly: true });
  if (!opened.ok) return opened;
  const db = opened.value;
  const found = databaseVersion(db);
  if (found !== migrations.length) {
    db.close();
    return failed(storeFault('store-other-format', { file, found, known: migrations.length }));
  }
  return ok({
    reportBatch: async (batchId) => reportBatch({ db }, batchId),
    reportUnits: async (batchId, after) => reportUnits({ db }, batchId, after),
    verifyChain: () =>
      walkChain({
        verifyPage: async (from) => flattened(db.read((read) => verifyPage(read, from))),
        verifyPasses: async (after) => flattened(db.read((read) => verifyPasses(read, after))),
      }),
    keptSlots: () =>
      db.read((read) =>
        Object.entries(keptIn(read).slots).flatMap(([slot, { address }]) =>
          address === undefined ? [] : [{ slot: Number(slot), address }],
        ),
      ),
    close: () => {
      db.close();
    },
  });
}
