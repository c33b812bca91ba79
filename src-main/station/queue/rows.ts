/** Rows as they lie in the file, and the few look-ups that several parts share. */
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb } from '../../lib/sqlite/database.ts';
import type { OutboxState, UnitState, Verdict } from '../../contract/views.ts';
import { batchFault } from '../batches/faults.ts';
import type { Batch, BatchId, BatchTerms, RunId, SerialNumber, UnitId } from '../batches/model.ts';
import type { BatchSigner } from '../batches/terms.ts';
import { storeFault } from './faults.ts';

export interface BatchRow {
  readonly seq: number;
  readonly batch_id: BatchId;
  readonly state: 'open' | 'closed';
  readonly name: string;
  readonly quantity: number;
  readonly terms: string;
  readonly enrollment_group_id: string | null;
  readonly signer: string | null;
  readonly opened_ms: number;
  readonly opened_by: string;
  readonly closed_ms: number | null;
  readonly with_verdict: number;
  readonly first_passed: number;
}

export interface UnitRow {
  readonly seq: number;
  readonly unit_id: UnitId;
  readonly batch: number;
  readonly serial_number: SerialNumber;
  readonly state: UnitState;
  readonly attestation: 'tpm' | 'x509' | null;
  readonly registration_id: string | null;
  readonly device_id: string | null;
  readonly fingerprint: string | null;
  readonly hub: string | null;
  readonly slot: number;
  readonly operator: string;
  readonly runs: number;
  readonly outbox: number | null;
  readonly fault: string | null;
  readonly first_run_ms: number;
  readonly passed_ms: number | null;
  readonly enrolled_ms: number | null;
  readonly registered_ms: number | null;
  readonly seen_ms: number | null;
}

export interface RunRow {
  readonly seq: number;
  readonly run_id: RunId;
  readonly unit: number;
  readonly batch: number;
  readonly number: number;
  readonly slot: number;
  readonly operator: string;
  readonly verdict: Verdict | null;
  readonly started_ms: number;
}

export interface OutboxRow {
  readonly id: number;
  readonly kind: 'individual' | 'group';
  readonly key: string;
  readonly batch: number;
  readonly serial_number: string | null;
  readonly body: string;
  /** `replace`: in place of what the service holds; `disable`: a unit that was reworked has another identity now. */
  readonly act: 'create' | 'replace' | 'disable';
  readonly state: OutboxState;
  readonly attempts: number;
  readonly next_due_ms: number;
  readonly fault: string | null;
  readonly created_ms: number;
  readonly sent_ms: number | null;
}

export function batchRow(db: ReadDb, batchId: string): Result<BatchRow> {
  const row = db.get<BatchRow>('SELECT * FROM batches WHERE batch_id = ?', batchId);
  return row === undefined ? failed(batchFault('batch-unknown', { batchId })) : ok(row);
}

export function batchBySeq(db: ReadDb, seq: number): BatchRow {
  return present(db.get<BatchRow>('SELECT * FROM batches WHERE seq = ?', seq));
}

export function unitBySeq(db: ReadDb, seq: number): UnitRow {
  return present(db.get<UnitRow>('SELECT * FROM units WHERE seq = ?', seq));
}

/** A run that has no verdict yet. */
export function openRun(db: ReadDb, runId: string): Result<RunRow> {
  const row = db.get<RunRow>('SELECT * FROM runs WHERE run_id = ?', runId);
  if (row === undefined) return failed(storeFault('run-unknown', { runId }));
  return row.verdict === null ? ok(row) : failed(storeFault('run-ended', { runId, verdict: row.verdict }));
}

/** A row that a foreign key promises. */
export function present<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new Error('a row that another row points to is missing');
  return row;
}

/** What a batch was opened with before there was a choice. */
const termsBeforeChoice = { deviceProfile: 'bench-link' } satisfies Partial<BatchTerms>;

export function termsOf(row: BatchRow): BatchTerms {
  return { ...termsBeforeChoice, ...(JSON.parse(row.terms) as Omit<BatchTerms, keyof typeof termsBeforeChoice>) };
}

export function signerOf(row: BatchRow): BatchSigner | undefined {
  return row.signer === null ? undefined : (JSON.parse(row.signer) as BatchSigner);
}

export function batchOf(row: BatchRow): Batch {
  return {
    batchId: row.batch_id,
    state: row.state,
    terms: termsOf(row),
    openedMs: row.opened_ms,
    openedBy: row.opened_by,
    ...optional('enrollmentGroupId', row.enrollment_group_id),
  };
}

export function faultIn(text: string | null): Fault | undefined {
  return text === null ? undefined : (JSON.parse(text) as Fault);
}

/** `{ [name]: value }`, or nothing where the file holds nothing. */
export function optional<Name extends string, Value>(
  name: Name,
  value: Value | null | undefined,
): Partial<Record<Name, Value>> {
  return value === null || value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}
