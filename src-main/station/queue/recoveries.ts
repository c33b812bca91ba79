/** Units whose runs were cut, until each has passed or a person has set it aside. The audit chain keeps what is dropped here. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { RecoveryUnitView } from '../../contract/recovery-views.ts';
import type { Phase } from '../../contract/views.ts';
import type { BatchId, SerialNumber } from '../batches/model.ts';
import type { EndRecord } from '../bench/ports.ts';
import type { StoreContext } from './context.ts';
import { appendEvent, stationActor } from './events.ts';
import { storeFault } from './faults.ts';
import { intentsOf } from './intents.ts';
import { type RunRow, type UnitRow, batchBySeq, faultIn, optional } from './rows.ts';

/** A unit that the station takes up again by itself: it was the station that stopped. */
export interface AutoRecovery {
  readonly slot: number;
  readonly serialNumber: SerialNumber;
  readonly batchId: BatchId;
}

interface RecoveryRow {
  readonly closed_ms: number | null;
}

// As many as the contract shows; a bench with more half-written units has other troubles than a list.
const maxListed = 200;

/** Part of the transaction that ends a run without a pass. */
export function noteInterruption(db: WriteDb, unit: UnitRow, run: RunRow, record: EndRecord): void {
  const isKnown = db.get<RecoveryRow>('SELECT closed_ms FROM recoveries WHERE unit = ?', unit.seq)?.closed_ms === null;
  const isCut = record.isCut === true;
  const { open } = intentsOf(db, unit.seq);
  // A unit with a verdict of its own is done with, and one on which nothing was begun is as it was.
  if (!isKnown && (record.verdict === 'fail' || (!isCut && open.length === 0))) return;
  const isNamed = record.verdict === 'fail' || record.isNamed === true;
  const fault = isCut ? null : JSON.stringify(record.fault);
  db.run(
    `INSERT INTO recoveries (unit, run, state, is_auto, interrupted_ms, fault) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (unit) DO UPDATE SET state = excluded.state, is_auto = excluded.is_auto, fault = excluded.fault,
        run = iif(?, excluded.run, run), interrupted_ms = iif(?, excluded.interrupted_ms, interrupted_ms),
        reason = NULL, named_by = NULL, closed_ms = NULL`,
    ...[unit.seq, run.seq, isNamed ? 'named' : 'waiting', Number(isCut), Math.round(record.endedMs), fault],
    // The first cut stays what the list tells, until the station is cut again in the middle of a recovery.
    ...[Number(!isKnown || isCut), Number(!isKnown || isCut)],
  );
  const kind = isNamed ? 'unit.named' : 'unit.interrupted';
  const body = { unitId: unit.unit_id, runId: run.run_id, phase: record.phase, fault: record.fault.code };
  appendEvent(db, record.endedMs, {
    kind,
    actor: stationActor,
    body: { ...body, open: Array.from(new Set(open.map(({ step }) => step))) },
  });
}

/** Part of the transaction of a pass. */
export function finishRecovery(db: WriteDb, unit: UnitRow, runId: string, endedMs: number): void {
  const closed = db.run(
    `UPDATE recoveries SET state = 'finished', is_auto = 0, fault = NULL, reason = NULL, named_by = NULL, closed_ms = ?
      WHERE unit = ? AND (closed_ms IS NULL OR state = 'named')`,
    ...[Math.round(endedMs), unit.seq],
  );
  if (closed.changes === 0) return;
  appendEvent(db, endedMs, { kind: 'unit.recovered', actor: stationActor, body: { unitId: unit.unit_id, runId } });
}

/** At a start: what came to its end under an earlier start is shown no more. */
export function forgetRecoveries(context: StoreContext): Result<void> {
  return context.write((db) => {
    db.run('DELETE FROM recoveries WHERE closed_ms IS NOT NULL');
    return ok();
  });
}

/** Oldest first. */
export function autoRecoveries(context: StoreContext): Result<readonly AutoRecovery[]> {
  return context.db.read((db) =>
    db
      .all<{ slot: number; serial_number: SerialNumber; batch: number }>(
        `SELECT units.slot, serial_number, units.batch FROM recoveries JOIN units ON units.seq = unit
          WHERE closed_ms IS NULL AND is_auto = 1 AND recoveries.state = 'waiting' ORDER BY interrupted_ms, unit LIMIT ?`,
        maxListed,
      )
      .map((row) => ({
        slot: row.slot,
        serialNumber: row.serial_number,
        batchId: batchBySeq(db, row.batch).batch_id,
      })),
  );
}

interface ListedRow extends UnitRow {
  readonly recovery: RecoveryUnitView['state'];
  readonly recovery_fault: string | null;
  readonly recovery_phase: Phase | null;
  readonly run_id: string;
  readonly run_slot: number;
  readonly interrupted_ms: number;
  readonly reason: string | null;
  readonly named_by: string | null;
  readonly closed_ms: number | null;
}

/** Those that wait first, newest first among them. */
export function listRecoveries(context: StoreContext): Result<readonly RecoveryUnitView[]> {
  return context.db.read((db) => listed(db));
}

function listed(db: ReadDb): readonly RecoveryUnitView[] {
  const rows = db.all<ListedRow>(
    `SELECT units.*, recoveries.state AS recovery, recoveries.fault AS recovery_fault, runs.phase AS recovery_phase,
      runs.run_id, runs.slot AS run_slot, interrupted_ms, reason, named_by, closed_ms
      FROM recoveries JOIN units ON units.seq = recoveries.unit JOIN runs ON runs.seq = recoveries.run
      ORDER BY closed_ms IS NOT NULL, interrupted_ms DESC, units.seq LIMIT ?`,
    maxListed,
  );
  return rows.map((row) => {
    const fault = faultIn(row.recovery_fault);
    const shown = fault === undefined ? undefined : { code: fault.code, say: fault.say, hint: fault.hint };
    return {
      unitId: row.unit_id,
      runId: row.run_id,
      serialNumber: row.serial_number,
      slot: row.run_slot,
      batchId: batchBySeq(db, row.batch).batch_id,
      phase: row.recovery_phase ?? 'connect',
      interruptedMs: row.interrupted_ms,
      open: Array.from(new Set(intentsOf(db, row.seq).open.map(({ step }) => step))),
      state: row.closed_ms === null && row.state === 'in-work' ? 'asking' : row.recovery,
      ...optional('fault', shown),
      ...optional('reason', row.reason),
      ...optional('namedBy', row.named_by),
    };
  });
}

/** A person sets the unit aside. What was begun on it stays in the journal: a later scan finishes it all the same. */
export function nameRecovery(context: StoreContext, unitId: string, reason: string, by: string): Result<void> {
  return context.write((db, note) => {
    const unit = db.get<UnitRow>('SELECT * FROM units WHERE unit_id = ?', unitId);
    if (unit === undefined) return failed(storeFault('unit-unknown', { unitId }));
    if (unit.state === 'in-work') return failed(storeFault('unit-in-work', { serialNumber: unit.serial_number }));
    const named = db.run(
      `UPDATE recoveries SET state = 'named', is_auto = 0, reason = ?, named_by = ?, closed_ms = ?
        WHERE unit = ? AND state <> 'finished'`,
      ...[reason, by, context.nowMs(), unit.seq],
    );
    if (named.changes === 0) {
      return failed(storeFault('recovery-unknown', { serialNumber: unit.serial_number }));
    }
    appendEvent(db, context.nowMs(), { kind: 'unit.set-aside', actor: by, body: { unitId, reason } });
    note.unit(unit.unit_id);
    return ok();
  });
}
