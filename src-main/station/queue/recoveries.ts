/** Units whose runs were cut, until each has passed or a person has scrapped it. The audit chain keeps what is dropped here. */
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

/** What became of the unit is told by the last three. */
type StoredState = Exclude<RecoveryUnitView['state'], 'asking'> | 'scrapped';

const isOpen = (state: StoredState | undefined): boolean => state === 'waiting' || state === 'named';

// As many as the contract shows; a bench with more half-written units has other troubles than a list.
const maxListed = 200;

/** Part of the transaction that ends a run without a pass. */
export function noteInterruption(db: WriteDb, unit: UnitRow, run: RunRow, record: EndRecord): void {
  const known = db.get<{ state: StoredState }>('SELECT state FROM recoveries WHERE unit = ?', unit.seq);
  const isKnown = isOpen(known?.state);
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
        reason = NULL, decided_by = NULL, decided_ms = NULL`,
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
    `UPDATE recoveries SET state = 'finished', is_auto = 0, fault = NULL, reason = NULL, decided_by = NULL,
      decided_ms = NULL WHERE unit = ? AND state <> 'finished'`,
    unit.seq,
  );
  if (closed.changes === 0) return;
  appendEvent(db, endedMs, { kind: 'unit.recovered', actor: stationActor, body: { unitId: unit.unit_id, runId } });
}

/** At a start: what passed under an earlier start is shown no more. */
export function forgetRecoveries(context: StoreContext): Result<void> {
  return context.write((db) => {
    db.run(`DELETE FROM recoveries WHERE state = 'finished'`);
    return ok();
  });
}

/** Oldest first. */
export function autoRecoveries(context: StoreContext): Result<readonly AutoRecovery[]> {
  return context.db.read((db) =>
    db
      .all<{ slot: number; serial_number: SerialNumber; batch: number }>(
        `SELECT units.slot, serial_number, units.batch FROM recoveries JOIN units ON units.seq = unit
          WHERE is_auto = 1 AND recoveries.state = 'waiting' ORDER BY interrupted_ms, unit LIMIT ?`,
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
  readonly recovery: Exclude<StoredState, 'scrapped'>;
  readonly recovery_fault: string | null;
  readonly recovery_phase: Phase | null;
  readonly run_id: string;
  readonly run_slot: number;
  readonly interrupted_ms: number;
  readonly reason: string | null;
  readonly decided_by: string | null;
  readonly decided_ms: number | null;
}

/** Those that wait first, then what was set aside, then what passed; the newest first among them. */
export function listRecoveries(context: StoreContext): Result<readonly RecoveryUnitView[]> {
  return context.db.read((db) => listed(db));
}

function listed(db: ReadDb): readonly RecoveryUnitView[] {
  const rows = db.all<ListedRow>(
    `SELECT units.*, recoveries.state AS recovery, recoveries.fault AS recovery_fault, runs.phase AS recovery_phase,
      runs.run_id, runs.slot AS run_slot, interrupted_ms, reason, decided_by, decided_ms
      FROM recoveries JOIN units ON units.seq = recoveries.unit JOIN runs ON runs.seq = recoveries.run
      WHERE recoveries.state <> 'scrapped'
      ORDER BY recoveries.state = 'finished', recoveries.state = 'set-aside', interrupted_ms DESC, units.seq LIMIT ?`,
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
      state: row.recovery !== 'finished' && row.state === 'in-work' ? 'asking' : row.recovery,
      ...optional('fault', shown),
      ...optional('reason', row.reason),
      ...optional('decidedBy', row.decided_by),
      ...optional('decidedMs', row.decided_ms),
    };
  });
}

export interface RecoveryDecision {
  readonly unitId: string;
  readonly to: 'set-aside' | 'scrapped';
  readonly reason: string;
  readonly by: string;
}

/**
 * A person sets the unit aside, or ends it. What was begun on it stays in the journal, and its identities stay its own: a
 * later scan finishes it all the same.
 */
export function decideRecovery(context: StoreContext, { unitId, to, reason, by }: RecoveryDecision): Result<void> {
  return context.write((db, note) => {
    const unit = db.get<UnitRow>('SELECT * FROM units WHERE unit_id = ?', unitId);
    if (unit === undefined) return failed(storeFault('unit-unknown', { unitId }));
    if (unit.state === 'in-work') return failed(storeFault('unit-in-work', { serialNumber: unit.serial_number }));
    const decided = db.run(
      `UPDATE recoveries SET state = ?, is_auto = 0, reason = ?, decided_by = ?, decided_ms = ?
        WHERE unit = ? AND state NOT IN ('finished', 'scrapped')`,
      ...[to, reason, by, context.nowMs(), unit.seq],
    );
    if (decided.changes === 0) {
      return failed(storeFault('recovery-unknown', { serialNumber: unit.serial_number }));
    }
    appendEvent(db, context.nowMs(), { kind: `unit.${to}`, actor: by, body: { unitId, reason } });
    note.unit(unit.unit_id);
    return ok();
  });
}
