/** The store as the station uses it: asynchronous, behind a worker thread that may die and comes back. */
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import type { Attestation } from '../batches/model.ts';
import type { ReportSource, SyncStore } from '../batches/store-ports.ts';
import type { BenchJournal } from '../bench/ports.ts';
import type { StoreChange } from './context.ts';
import { type SoundChain, walkChain } from './chain-walk.ts';
import type { StoreOperations } from './store.ts';
import { openWorkerLine } from './worker-line.ts';
import type { OperationName } from './worker-protocol.ts';

export interface StationStoreOptions {
  readonly file: string;
  /** `store-worker-main.ts`, or the file that was built from it. */
  readonly workerEntry: string | URL;
  /** Every time in the file comes from here. */
  readonly clock: Clock;
  readonly log: Log;
}

type Asked<Name extends OperationName> = {
  [Operation in Name]: (
    ...input: Parameters<StoreOperations[Operation]>
  ) => Promise<ReturnType<StoreOperations[Operation]>>;
};

type Told = 'typicalMs' | 'verifyPage' | 'verifyPasses';

/** Its methods are told in `store.ts`, one by one; each gives a promise of what is told there. */
export interface StationStore extends Asked<Exclude<OperationName, Told>>, BenchJournal, SyncStore, ReportSource {
  /** Walks the whole audit chain, in pages, while the bench goes on. */
  verifyChain(): Promise<Result<SoundChain>>;
  /** After each commit that changed something a screen shows. */
  onChange(listener: (change: StoreChange) => void): () => void;
  close(): Promise<void>;
}

export async function createStationStore(options: StationStoreOptions): Promise<Result<StationStore>> {
  const opened = await openWorkerLine(options);
  if (!opened.ok) return opened;
  const line = opened.value;
  const asked = <Name extends OperationName>(name: Name): Asked<Name>[Name] =>
    ((...input: readonly unknown[]) => line.ask(name, input)) as unknown as Asked<Name>[Name];
  const typicalMs = asked('typicalMs');
  return ok({
    ...journalOver(asked),
    ...listsOver(asked),
    async typicalMs(attestation: Attestation) {
      const typical = await typicalMs(attestation);
      return typical.ok ? typical.value : undefined;
    },
    verifyChain: () => walkChain({ verifyPage: asked('verifyPage'), verifyPasses: asked('verifyPasses') }),
    onChange: (listener) => line.onChange(listener),
    close: () => line.close(),
  });
}

type Ask = <Name extends OperationName>(name: Name) => Asked<Name>[Name];

const journalOver = (asked: Ask) => ({
  begin: asked('begin'),
  claim: asked('claim'),
  intend: asked('intend'),
  fulfil: asked('fulfil'),
  pass: asked('pass'),
  end: asked('end'),
  beginSample: asked('beginSample'),
  endSample: asked('endSample'),
  verdict: asked('verdict'),
  interrupted: asked('interrupted'),
  forgetRecoveries: asked('forgetRecoveries'),
  autoRecoveries: asked('autoRecoveries'),
  listRecoveries: asked('listRecoveries'),
  decideRecovery: asked('decideRecovery'),
  outboxRelease: asked('outboxRelease'),
  outboxTake: asked('outboxTake'),
  outboxSettle: asked('outboxSettle'),
  outboxCounts: asked('outboxCounts'),
  lifeDue: asked('lifeDue'),
  lifeSettle: asked('lifeSettle'),
  appendEvent: asked('appendEvent'),
  chainHead: asked('chainHead'),
});

const listsOver = (asked: Ask) => ({
  openBatch: asked('openBatch'),
  selectBatch: asked('selectBatch'),
  closeBatch: asked('closeBatch'),
  openedBatch: asked('openedBatch'),
  batchView: asked('batchView'),
  listBatches: asked('listBatches'),
  lastRuns: asked('lastRuns'),
  listUnits: asked('listUnits'),
  unitView: asked('unitView'),
  listSamples: asked('listSamples'),
  addSample: asked('addSample'),
  removeSample: asked('removeSample'),
  rework: asked('rework'),
  unitHistory: asked('unitHistory'),
  listOutbox: asked('listOutbox'),
  retryOutbox: asked('retryOutbox'),
  settings: asked('settings'),
  scanRules: asked('scanRules'),
  saveSettings: asked('saveSettings'),
  keptSlots: asked('keptSlots'),
  saveSlots: asked('saveSlots'),
  reportBatch: asked('reportBatch'),
  reportUnits: asked('reportUnits'),
});
