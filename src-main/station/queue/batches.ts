/** Opening, choosing and closing batches, and their pictures. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb } from '../../lib/sqlite/database.ts';
import type { BatchView, UnitState } from '../../contract/views.ts';
import { enrollmentGroupIdOf } from '../batches/enrollment.ts';
import { batchFault } from '../batches/faults.ts';
import type { Batch, BatchTerms } from '../batches/model.ts';
import { type BatchSigner, checkTerms } from '../batches/terms.ts';
import type { StoreContext } from './context.ts';
import { appendEvent, sha256Hex } from './events.ts';
import { storeFault } from './faults.ts';
import { goldenCheck } from './golden.ts';
import { type BatchRow, batchOf, batchRow, optional, present, termsOf } from './rows.ts';
import { keepSetting } from './settings.ts';

export interface OpenBatch {
  /** Chosen by the caller, so that asking twice opens one; otherwise a new one is made. */
  readonly batchId?: string;
  readonly terms: BatchTerms;
  readonly openedBy: string;
  /** Needed unless every unit has a TPM. */
  readonly signer?: BatchSigner;
}

// As many as the contract shows; a station that has had more opens its older reports by their number.
const maxListedBatches = 200;

export function openBatch(context: StoreContext, order: OpenBatch): Result<BatchView> {
  const terms = checkTerms(order.terms, order.signer);
  if (!terms.ok) return terms;
  const batchId = order.batchId ?? context.random.uuid();
  return context.write((db, note) => {
    if (batchRow(db, batchId).ok) return failed(storeFault('batch-repeated', { batchId }));
    const groupId = groupIdFor(terms.value, order.signer);
    const openedMs = context.nowMs();
    db.run(
      `INSERT INTO batches (batch_id, state, name, quantity, terms, enrollment_group_id, signer, opened_ms, opened_by)
        VALUES (?, 'open', ?, ?, ?, ?, ?, ?, ?)`,
      ...[batchId, terms.value.name, terms.value.quantity, JSON.stringify(terms.value), groupId],
      ...[order.signer === undefined ? null : JSON.stringify(order.signer), openedMs, order.openedBy],
    );
    keepSetting(db, 'selectedBatchId', batchId);
    const { name, quantity, attestation, enrollmentKind, signerId = null } = terms.value;
    appendEvent(db, openedMs, {
      kind: 'batch.opened',
      actor: order.openedBy,
      body: { batchId, name, quantity, attestation, enrollmentKind, signerId, enrollmentGroupId: groupId },
    });
    const row = batchRow(db, batchId);
    if (!row.ok) return row;
    note.batch(row.value.batch_id);
    return ok(viewOf(db, row.value, context.nowMs()));
  });
}

function groupIdFor(terms: BatchTerms, signer: BatchSigner | undefined): string | null {
  if (terms.enrollmentKind !== 'group' || terms.attestation === 'tpm') return null;
  return enrollmentGroupIdOf(present(signer), terms.initialTwin, sha256Hex);
}

export function selectBatch(context: StoreContext, batchId: string, by: string): Result<BatchView> {
  return context.write((db, note) => {
    const row = batchRow(db, batchId);
    if (!row.ok) return row;
    if (row.value.state === 'closed') return failed(batchFault('batch-closed', { name: row.value.name }));
    keepSetting(db, 'selectedBatchId', batchId);
    appendEvent(db, context.nowMs(), { kind: 'batch.selected', actor: by, body: { batchId } });
    note.batch(row.value.batch_id);
    return ok(viewOf(db, row.value, context.nowMs()));
  });
}

/** Closing twice is closing once. Runs under way come to their verdict. */
export function closeBatch(context: StoreContext, batchId: string, by: string): Result<BatchView> {
  return context.write((db, note) => {
    const row = batchRow(db, batchId);
    if (!row.ok) return row;
    if (row.value.state === 'open') {
      db.run(`UPDATE batches SET state = 'closed', closed_ms = ? WHERE seq = ?`, context.nowMs(), row.value.seq);
      appendEvent(db, context.nowMs(), { kind: 'batch.closed', actor: by, body: { batchId } });
      note.batch(row.value.batch_id);
    }
    const closed = batchRow(db, batchId);
    return closed.ok ? ok(viewOf(db, closed.value, context.nowMs())) : closed;
  });
}

export function openedBatch(context: StoreContext, batchId: string): Result<Batch> {
  return flattened(
    context.db.read((db) => {
      const row = batchRow(db, batchId);
      return row.ok ? ok(batchOf(row.value)) : row;
    }),
  );
}

export function batchView(context: StoreContext, batchId: string): Result<BatchView> {
  return flattened(
    context.db.read((db) => {
      const row = batchRow(db, batchId);
      return row.ok ? ok(viewOf(db, row.value, context.nowMs())) : row;
    }),
  );
}

/** Newest first. */
export function listBatches(context: StoreContext): Result<readonly BatchView[]> {
  return context.db.read((db) =>
    db
      .all<BatchRow>('SELECT * FROM batches ORDER BY seq DESC LIMIT ?', maxListedBatches)
      .map((row) => viewOf(db, row, context.nowMs())),
  );
}

/** A result inside a result, as a read that may fail gives it. */
export function flattened<T>(result: Result<Result<T>>): Result<T> {
  return result.ok ? result.value : result;
}

function viewOf(db: ReadDb, row: BatchRow, nowMs: number): BatchView {
  const units = new Map(
    db
      .all<{ state: UnitState; n: number }>('SELECT state, n FROM unit_counts WHERE batch = ?', row.seq)
      .map(({ state, n }) => [state, n]),
  );
  const sum = (...states: readonly UnitState[]): number =>
    states.reduce((total, state) => total + (units.get(state) ?? 0), 0);
  const parked = db.get<{ n: number }>(`SELECT n FROM outbox_counts WHERE batch = ? AND state = 'parked'`, row.seq);
  return {
    batchId: row.batch_id,
    state: row.state,
    terms: termsOf(row),
    openedMs: row.opened_ms,
    openedBy: row.opened_by,
    ...optional('closedMs', row.closed_ms),
    counts: {
      inWork: sum('in-work'),
      failed: sum('failed', 'interrupted'),
      passed: sum('passed', 'enrolled', 'registered', 'seen'),
      enrolled: sum('enrolled', 'registered', 'seen'),
      registered: sum('registered', 'seen'),
      seen: sum('seen'),
      parked: parked?.n ?? 0,
    },
    ...optional('goldenCheck', goldenCheck(db, row, nowMs)),
    ...(row.with_verdict === 0 ? {} : { firstPassYield: row.first_passed / row.with_verdict }),
  };
}
