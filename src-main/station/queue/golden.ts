/** Golden samples: known by name and serial number, run to check the bench, never units. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { GoldenSampleView } from '../../contract/recovery-views.ts';
import type { BatchView, Verdict } from '../../contract/views.ts';
import { batchFault } from '../batches/faults.ts';
import type { RunId } from '../batches/model.ts';
import { sampleDue, shiftSinceMs } from '../batches/shift.ts';
import type { RunStart, SampleRecord } from '../bench/ports.ts';
import type { StoreContext } from './context.ts';
import { appendEvent } from './events.ts';
import { storeFault } from './faults.ts';
import { operatorSinceMs } from './settings.ts';
import { type BatchRow, batchBySeq, batchRow, termsOf } from './rows.ts';

// A drawer holds a good and a bad one of each product; more are found by nobody.
const maxSamples = 100;

export interface SampleOrder {
  readonly name: string;
  readonly serialNumber: string;
  readonly expect: 'pass' | 'fail';
}

interface SampleRow {
  readonly serial_number: string;
  readonly name: string;
  readonly expect: 'pass' | 'fail';
  readonly added_ms: number;
  readonly added_by: string;
  readonly removed_ms: number | null;
}

interface SampleRunRow {
  readonly seq: number;
  readonly batch: number;
  readonly serial_number: string;
  readonly operator: string;
  readonly expect: 'pass' | 'fail';
  readonly verdict: Verdict | null;
  readonly is_as_expected: number;
  readonly ended_ms: number | null;
}

export function listSamples(context: StoreContext): Result<readonly GoldenSampleView[]> {
  return context.db.read((db) =>
    db
      .all<SampleRow>('SELECT * FROM golden_samples WHERE removed_ms IS NULL ORDER BY name LIMIT ?', maxSamples)
      .map((row) => sampleView(db, row)),
  );
}

function sampleView(db: ReadDb, row: SampleRow): GoldenSampleView {
  const last = db.get<SampleRunRow>(
    'SELECT * FROM golden_runs WHERE serial_number = ? AND verdict IS NOT NULL ORDER BY seq DESC LIMIT 1',
    row.serial_number,
  );
  const { serial_number: serialNumber, name, expect } = row;
  const lastRun =
    last?.verdict === undefined || last.verdict === null
      ? {}
      : { lastRun: { verdict: last.verdict, isAsExpected: last.is_as_expected === 1, atMs: last.ended_ms ?? 0 } };
  return { name, serialNumber, expect, addedMs: row.added_ms, addedBy: row.added_by, ...lastRun };
}

export function addSample(context: StoreContext, order: SampleOrder, by: string): Result<void> {
  return context.write((db) => {
    const { name, serialNumber, expect } = order;
    const unit = db.get('SELECT 1 FROM units WHERE serial_number = ?', serialNumber);
    if (unit !== undefined) return failed(batchFault('golden-is-unit', { serialNumber }));
    const samples = db.all<SampleRow>('SELECT * FROM golden_samples WHERE removed_ms IS NULL');
    const isTaken = samples.some((one) => one.name === name && one.serial_number !== serialNumber);
    if (isTaken) return failed(batchFault('golden-name-taken', { name }));
    if (samples.length >= maxSamples) return failed(batchFault('golden-too-many', { limit: maxSamples }));
    db.run(
      `INSERT INTO golden_samples (serial_number, name, expect, added_ms, added_by) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (serial_number) DO UPDATE SET name = excluded.name, expect = excluded.expect,
          added_ms = excluded.added_ms, added_by = excluded.added_by, removed_ms = NULL`,
      ...[serialNumber, name, expect, context.nowMs(), by],
    );
    appendEvent(db, context.nowMs(), { kind: 'golden.added', actor: by, body: { name, serialNumber, expect } });
    return ok();
  });
}

/** What it was run for stays in the audit chain. */
export function removeSample(context: StoreContext, serialNumber: string, by: string): Result<void> {
  return context.write((db) => {
    const removed = db.run(
      'UPDATE golden_samples SET removed_ms = ? WHERE serial_number = ? AND removed_ms IS NULL',
      ...[context.nowMs(), serialNumber],
    );
    if (removed.changes === 0) return failed(batchFault('golden-unknown', { serialNumber }));
    appendEvent(db, context.nowMs(), { kind: 'golden.removed', actor: by, body: { serialNumber } });
    return ok();
  });
}

export function sampleOf(db: ReadDb, serialNumber: string): SampleRow | undefined {
  return db.get<SampleRow>('SELECT * FROM golden_samples WHERE serial_number = ? AND removed_ms IS NULL', serialNumber);
}

export function beginSample(context: StoreContext, start: RunStart): Result<void> {
  return context.write((db) => {
    const { runId, slot, serialNumber, operator, startedMs } = start;
    if (db.get('SELECT 1 FROM golden_runs WHERE run_id = ?', runId) !== undefined) return ok();
    const batch = batchRow(db, start.batch.batchId);
    if (!batch.ok) return batch;
    if (batch.value.state === 'closed') return failed(batchFault('batch-closed', { name: batch.value.name }));
    const sample = sampleOf(db, serialNumber);
    if (sample === undefined) return failed(batchFault('golden-unknown', { serialNumber }));
    db.run(
      `INSERT INTO golden_runs (run_id, serial_number, batch, slot, operator, expect, started_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[runId, serialNumber, batch.value.seq, slot, operator, sample.expect, startedMs],
    );
    return ok();
  });
}

export function endSample(context: StoreContext, runId: RunId, record: SampleRecord): Result<void> {
  return context.write((db, note) => {
    const run = db.get<SampleRunRow>('SELECT * FROM golden_runs WHERE run_id = ?', runId);
    if (run === undefined) return failed(storeFault('run-unknown', { runId }));
    if (run.verdict !== null) return ok();
    const { verdict, phase, fault, endedMs } = record;
    const isAsExpected = verdict === run.expect;
    db.run(
      'UPDATE golden_runs SET verdict = ?, phase = ?, fault = ?, is_as_expected = ?, ended_ms = ? WHERE seq = ?',
      ...[verdict, phase, fault === undefined ? null : JSON.stringify(fault), Number(isAsExpected), endedMs, run.seq],
    );
    tellSample(db, run, { runId, isAsExpected, record });
    note.batch(batchBySeq(db, run.batch).batch_id);
    return ok();
  });
}

interface Told {
  readonly runId: RunId;
  readonly isAsExpected: boolean;
  readonly record: SampleRecord;
}

function tellSample(db: WriteDb, run: SampleRunRow, { runId, isAsExpected, record }: Told): void {
  appendEvent(db, record.endedMs, {
    kind: 'golden.run',
    actor: run.operator,
    body: {
      ...{ runId, serialNumber: run.serial_number, batchId: batchBySeq(db, run.batch).batch_id, expect: run.expect },
      ...{ verdict: record.verdict, isAsExpected, fault: record.fault?.code },
    },
  });
}

/** Undefined for a batch that demands no samples. */
export function goldenCheck(db: ReadDb, batch: BatchRow, nowMs: number): BatchView['goldenCheck'] {
  if (termsOf(batch).goldenSamples !== true) return undefined;
  const sinceMs = shiftSinceMs({ nowMs, batchOpenedMs: batch.opened_ms, operatorSinceMs: operatorSinceMs(db) });
  const met = db.all<{ expect: string }>(
    'SELECT DISTINCT expect FROM golden_runs WHERE batch = ? AND is_as_expected = 1 AND ended_ms >= ?',
    ...[batch.seq, sinceMs],
  );
  const isDone = (expect: string): boolean => met.some((row) => row.expect === expect);
  return { passDone: isDone('pass'), failDone: isDone('fail'), sinceMs };
}

/** Whether ordinary units may be taken now. */
export function mayTakeUnits(db: ReadDb, batch: BatchRow, nowMs: number): Result<void> {
  const check = goldenCheck(db, batch, nowMs);
  const due = check === undefined ? undefined : sampleDue(check);
  if (due === undefined) return ok();
  const names = db
    .all<SampleRow>('SELECT * FROM golden_samples WHERE expect = ? AND removed_ms IS NULL ORDER BY name LIMIT 3', due)
    .map(({ name }) => name);
  if (names.length === 0) return failed(batchFault('golden-none', { kind: inWords[due] }));
  return failed(batchFault('golden-due', { kind: inWords[due], names: names.join(', ') }));
}

const inWords = { pass: 'known-good', fail: 'known-bad' } as const;
