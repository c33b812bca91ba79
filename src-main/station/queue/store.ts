/** The store's synchronous core: one file, one owner. Each method that changes something has committed when it returns. */
import type { Random } from '../../lib/base/random.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { type Database, openDatabase } from '../../lib/sqlite/database.ts';
import { migrate } from '../../lib/sqlite/migrate.ts';
import type { Attestation, BatchId, RunId } from '../batches/model.ts';
import type { LifeSettlement, OutboxSettlement } from '../batches/store-ports.ts';
import type { EndRecord, IdentityClaim, Intent, PassRecord, RunStart, SampleRecord } from '../bench/ports.ts';
import * as batches from './batches.ts';
import { type StoreChange, type StoreContext, createChangeLedger } from './context.ts';
import * as audit from './events.ts';
import * as golden from './golden.ts';
import * as intents from './intents.ts';
import * as journal from './journal.ts';
import { lastRuns } from './last-runs.ts';
import { begin } from './migrations/0001-begin.ts';
import { recoverReworkGolden } from './migrations/0002-recover-rework-golden.ts';
import { setAsideAndScrap } from './migrations/0003-set-aside-and-scrap.ts';
import { namesOfGoldenSamples } from './migrations/0004-names-of-golden-samples.ts';
import * as outbox from './outbox.ts';
import { pass } from './pass.ts';
import * as recoveries from './recoveries.ts';
import * as report from './report-rows.ts';
import { runVerdict } from './run-verdict.ts';
import { type ReworkOrder, rework } from './rework.ts';
import * as settings from './settings.ts';
import { unitHistory } from './unit-history.ts';
import * as slots from './slots.ts';
import * as units from './units.ts';

export const migrations = [begin, recoverReworkGolden, setAsideAndScrap, namesOfGoldenSamples] as const;

export interface OpenStoreOptions {
  readonly file: string;
  readonly random: Random;
  nowMs(): number;
}

export type StoreOperations = ReturnType<typeof operations>;

export interface Store {
  readonly operations: StoreOperations;
  /** Several operations in one commit; failed, or after an exception, none of them has happened. */
  together<T>(work: () => T): Result<T>;
  /** What was committed since the last take. */
  takeChange(): StoreChange | undefined;
  close(): void;
}

export function openStore(options: OpenStoreOptions): Result<Store> {
  const opened = openDatabase({ file: options.file });
  return opened.ok ? storeOver(opened.value, options) : opened;
}

/** Closes the file where it cannot be used. */
export function storeOver(db: Database, options: Omit<OpenStoreOptions, 'file'>): Result<Store> {
  const ledger = createChangeLedger(db);
  const context = { db, random: options.random, nowMs: () => Math.round(options.nowMs()), write: ledger.write };
  const ready = prepared(db, context);
  if (!ready.ok) {
    db.close();
    return ready;
  }
  ledger.take();
  return ok({
    operations: operations(context),
    together: (work) => {
      let isDone = false;
      try {
        const done = db.together(work);
        isDone = done.ok;
        return done;
      } finally {
        // What they noted did not happen.
        if (!isDone) ledger.take();
      }
    },
    takeChange: () => ledger.take(),
    close: () => {
      db.close();
    },
  });
}

function prepared(db: Database, context: StoreContext): Result<void> {
  const migrated = migrate(db, migrations);
  return migrated.ok ? settings.nameStation(context) : migrated;
}

/** Everything the worker can be asked, by name. */
function operations(context: StoreContext) {
  return {
    begin: (start: RunStart) => journal.begin(context, start),
    claim: (runId: RunId, claims: readonly IdentityClaim[]) => journal.claim(context, runId, claims),
    intend: (runId: RunId, intent: Intent) => intents.intend(context, runId, intent),
    fulfil: (runId: RunId, intent: Intent, outcome: 'done' | 'refused') =>
      intents.fulfil(context, runId, intent, outcome),
    pass: (runId: RunId, record: PassRecord) => pass(context, runId, record),
    end: (runId: RunId, record: EndRecord) => journal.end(context, runId, record),
    verdict: (runId: RunId) => runVerdict(context, runId),
    typicalMs: (attestation: Attestation) => journal.typicalMs(context, attestation),
    interrupted: () => journal.interrupted(context),
    forgetRecoveries: () => recoveries.forgetRecoveries(context),
    autoRecoveries: () => recoveries.autoRecoveries(context),
    listRecoveries: () => recoveries.listRecoveries(context),
    decideRecovery: (decision: recoveries.RecoveryDecision) => recoveries.decideRecovery(context, decision),
    openBatch: (order: batches.OpenBatch) => batches.openBatch(context, order),
    selectBatch: (batchId: string, by: string) => batches.selectBatch(context, batchId, by),
    closeBatch: (batchId: string, by: string) => batches.closeBatch(context, batchId, by),
    openedBatch: (batchId: string) => batches.openedBatch(context, batchId),
    batchView: (batchId: string) => batches.batchView(context, batchId),
    listBatches: () => batches.listBatches(context),
    lastRuns: () => lastRuns(context),
    listUnits: (query: units.UnitQuery) => units.listUnits(context, query),
    listSamples: () => golden.listSamples(context),
    addSample: (order: golden.SampleOrder, by: string) => golden.addSample(context, order, by),
    removeSample: (serialNumber: string, by: string) => golden.removeSample(context, serialNumber, by),
    beginSample: (start: RunStart) => golden.beginSample(context, start),
    endSample: (runId: RunId, record: SampleRecord) => golden.endSample(context, runId, record),
    rework: (order: ReworkOrder) => rework(context, order),
    unitHistory: (unitId: string) => unitHistory(context, unitId),
    unitView: (unitId: string) => units.unitView(context, unitId),
    lifeDue: (limit: number) => units.lifeDue(context, limit),
    lifeSettle: (settlements: readonly LifeSettlement[]) => units.lifeSettle(context, settlements),
    outboxRelease: () => outbox.outboxRelease(context),
    outboxTake: (limit: number) => outbox.outboxTake(context, limit),
    outboxSettle: (settlements: readonly OutboxSettlement[]) => outbox.outboxSettle(context, settlements),
    outboxCounts: () => outbox.outboxCounts(context),
    listOutbox: (query: outbox.OutboxQuery) => outbox.listOutbox(context, query),
    retryOutbox: (entryId: number, by: string) => outbox.retryOutbox(context, entryId, by),
    settings: () => settings.settings(context),
    scanRules: () => settings.scanRules(context),
    saveSettings: (change: settings.SettingsChange, by: string) => settings.saveSettings(context, change, by),
    keptSlots: () => slots.keptSlots(context),
    saveSlots: (change: slots.SlotsChange, event: audit.AuditEvent) => slots.saveSlots(context, change, event),
    appendEvent: (event: audit.AuditEvent): Result<void> =>
      context.write((db) => {
        audit.appendEvent(db, context.nowMs(), event);
        return ok();
      }),
    chainHead: () => context.db.read(audit.chainHead),
    verifyPage: (from: audit.ChainHead) => batches.flattened(context.db.read((db) => audit.verifyPage(db, from))),
    verifyPasses: (after: number) => batches.flattened(context.db.read((db) => audit.verifyPasses(db, after))),
    reportBatch: (batchId: string) => report.reportBatch(context, batchId),
    reportUnits: (batchId: BatchId, after: number) => report.reportUnits(context, batchId, after),
  };
}
