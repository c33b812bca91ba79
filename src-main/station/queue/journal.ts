/** The journal of the bench: what a run may do, what it has done, and what it leaves behind. */
import { isoTime } from '../../lib/base/host.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import { batchFault } from '../batches/faults.ts';
import type { Attestation, RunId, SerialNumber, UnitId } from '../batches/model.ts';
import type { EndRecord, IdentityClaim, Intent, RunBegun, RunStart } from '../bench/ports.ts';
import type { ChangeNote, StoreContext } from './context.ts';
import { appendEvent, stationActor } from './events.ts';
import { storeFault } from './faults.ts';
import { mayTakeUnits, sampleOf } from './golden.ts';
import { intentsOf, spendIntents } from './intents.ts';
import { noteInterruption } from './recoveries.ts';
import { mayMove, moveUnit } from './unit-move.ts';
import { type BatchRow, type RunRow, type UnitRow, batchBySeq, batchRow, openRun, present, unitBySeq } from './rows.ts';

/** A run that a dead process left without a verdict. */
export interface InterruptedRun {
  readonly runId: RunId;
  readonly unitId: UnitId;
  readonly slot: number;
  readonly serialNumber: SerialNumber;
  readonly batchId: string;
  readonly open: readonly Intent[];
}

// A station has at most 16 slots; more open runs than this mean a damaged file, not a longer list.
const maxInterruptedRuns = 64;
const typicalRuns = 50;

export function begin(context: StoreContext, start: RunStart): Result<RunBegun> {
  const admitted = admit(context, start);
  if (!admitted.ok) tellRefused(context, start, admitted.fault);
  return admitted;
}

/** A refused scan leaves nothing but this event; where even that cannot be written, whoever scanned is told all the same. */
function tellRefused(context: StoreContext, start: RunStart, fault: Fault): void {
  const { runId, slot, serialNumber, operator, batch } = start;
  context.write((db) => {
    const body = { runId, batchId: batch.batchId, serialNumber, slot, fault: fault.code };
    appendEvent(db, start.startedMs, { kind: 'run.refused', actor: operator, body });
    return ok();
  });
}

function admit(context: StoreContext, start: RunStart): Result<RunBegun> {
  return context.write((db, note) => {
    const repeated = db.get<RunRow>('SELECT * FROM runs WHERE run_id = ?', start.runId);
    if (repeated !== undefined) return ok(begun(db, unitBySeq(db, repeated.unit), repeated.number));
    const batch = batchRow(db, start.batch.batchId);
    if (!batch.ok) return batch;
    const known = db.get<UnitRow>('SELECT * FROM units WHERE serial_number = ?', start.serialNumber);
    const allowed = mayBegin(db, batch.value, known, start);
    if (!allowed.ok) return allowed;
    if (known !== undefined) supersedeOpenRuns(db, known, start);
    if (known !== undefined && known.batch !== batch.value.seq) note.batch(moveUnit(db, known, batch.value, start));
    const unit = known === undefined ? addUnit(db, context, batch.value, start) : reworkUnit(db, known, start);
    const run = db.run(
      `INSERT INTO runs (run_id, unit, batch, number, slot, operator, started_ms) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[start.runId, unit.seq, batch.value.seq, unit.runs, start.slot, start.operator, start.startedMs],
    );
    db.run(
      `INSERT INTO claims (kind, value, unit, run) VALUES ('serial-number', ?, ?, ?) ON CONFLICT DO NOTHING`,
      ...[start.serialNumber, unit.seq, run.lastId],
    );
    const { runId, slot, serialNumber, operator } = start;
    appendEvent(db, start.startedMs, {
      kind: 'run.begun',
      actor: operator,
      body: { runId, unitId: unit.unit_id, batchId: batch.value.batch_id, serialNumber, slot, number: unit.runs },
    });
    note.unit(unit.unit_id);
    note.batch(batch.value.batch_id);
    return ok(begun(db, unit, unit.runs));
  });
}

function mayBegin(db: ReadDb, batch: BatchRow, unit: UnitRow | undefined, start: RunStart): Result<void> {
  const { name, quantity } = batch;
  const sample = sampleOf(db, start.serialNumber);
  if (sample !== undefined) {
    const { serialNumber } = start;
    return failed(batchFault('golden-is-no-unit', { serialNumber, name: sample.name }));
  }
  if (batch.state === 'closed') return failed(batchFault('batch-closed', { name }));
  if (unit !== undefined && unit.batch !== batch.seq && !mayMove(db, unit)) {
    const { serial_number: serialNumber, state } = unit;
    const otherBatch = batchBySeq(db, unit.batch).name;
    const firstSeen = minuteOf(unit.first_run_ms);
    return failed(batchFault('serial-in-other-batch', { serialNumber, otherBatch, firstSeen, state }));
  }
  if (unit?.passed_ms !== undefined && unit.passed_ms !== null) return failed(alreadyPassed(unit, unit.passed_ms));
  const taken = othersInBudget(db, batch, unit);
  if (taken >= quantity) return failed(batchFault('batch-full', { name, quantity }));
  return mayTakeUnits(db, batch, start.startedMs);
}

/** For a sentence: people read minutes. */
const minuteOf = (ms: number): string => `${isoTime(ms).slice(0, 16).replace('T', ' ')} UTC`;

function alreadyPassed(unit: UnitRow, passedMs: number): ReturnType<typeof batchFault> {
  return batchFault('unit-already-passed', {
    serialNumber: unit.serial_number,
    unitId: unit.unit_id,
    passedAt: minuteOf(passedMs),
    passedMs,
    slot: unit.slot,
    operator: unit.operator,
    runs: unit.runs,
    state: unit.state,
    registrationId: unit.registration_id ?? '',
    hub: unit.hub ?? '',
  });
}

/** Units that passed, and units in work that may: together they never exceed what the batch allows. */
function othersInBudget(db: ReadDb, batch: BatchRow, unit: UnitRow | undefined): number {
  const counted = db.get<{ n: number | null }>(
    `SELECT sum(n) AS n FROM unit_counts WHERE batch = ? AND state NOT IN ('failed', 'interrupted')`,
    batch.seq,
  );
  return (counted?.n ?? 0) - (unit?.batch === batch.seq && unit.state === 'in-work' ? 1 : 0);
}

/** The bench begins a run only when the one before is over: a run still open was lost with its process. */
function supersedeOpenRuns(db: WriteDb, unit: UnitRow, start: RunStart): void {
  const fault = JSON.stringify(storeFault('run-superseded'));
  const open = db.all<RunRow>('SELECT * FROM runs WHERE unit = ? AND verdict IS NULL', unit.seq);
  for (const run of open) {
    const event_seq = appendEvent(db, start.startedMs, {
      kind: 'run.ended',
      actor: stationActor,
      body: { runId: run.run_id, unitId: unit.unit_id, verdict: 'error', fault: 'run-superseded' },
    });
    db.run(
      `UPDATE runs SET verdict = 'error', fault = ?, ended_ms = ?, event_seq = ? WHERE seq = ?`,
      ...[fault, start.startedMs, event_seq, run.seq],
    );
  }
  if (open.length > 0) db.run('UPDATE units SET had_verdict = 1 WHERE seq = ?', unit.seq);
}

function addUnit(db: WriteDb, context: StoreContext, batch: BatchRow, start: RunStart): UnitRow {
  const added = db.run(
    `INSERT INTO units (unit_id, batch, serial_number, state, slot, operator, runs, first_run_ms)
      VALUES (?, ?, ?, 'in-work', ?, ?, 1, ?)`,
    ...[context.random.uuid(), batch.seq, start.serialNumber, start.slot, start.operator, start.startedMs],
  );
  return unitBySeq(db, added.lastId);
}

function reworkUnit(db: WriteDb, unit: UnitRow, start: RunStart): UnitRow {
  db.run(
    `UPDATE units SET state = 'in-work', slot = ?, operator = ?, runs = runs + 1, fault = NULL WHERE seq = ?`,
    ...[start.slot, start.operator, unit.seq],
  );
  return unitBySeq(db, unit.seq);
}

function begun(db: ReadDb, unit: UnitRow, runNumber: number): RunBegun {
  return { unitId: unit.unit_id, runNumber, ...intentsOf(db, unit.seq) };
}

export function claim(context: StoreContext, runId: RunId, claims: readonly IdentityClaim[]): Result<void> {
  return context.write((db) => {
    const run = openRun(db, runId);
    if (!run.ok) return run;
    for (const { kind, value } of claims) {
      // The service compares registration ids without case (dps-wire 0.1).
      const kept = kind === 'registration-id' ? value.toLowerCase() : value;
      db.run(
        'INSERT INTO claims (kind, value, unit, run) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
        ...[kind, kept, run.value.unit, run.value.seq],
      );
      const holder = present(
        db.get<{ unit: number }>('SELECT unit FROM claims WHERE kind = ? AND value = ?', kind, kept),
      );
      if (holder.unit !== run.value.unit) return failed(identityTaken(db, kind, holder.unit));
    }
    return ok();
  });
}

/**
 * Takes back what this run was the first to claim, where it wrote nothing to the unit and the unit never passed: a label
 * that was scanned for the wrong unit must not bind that unit's key for ever.
 */
function releaseClaims(db: WriteDb, run: RunRow, unit: UnitRow): { readonly released?: number } {
  const intents = present(db.get<{ n: number }>('SELECT count(*) AS n FROM intents WHERE run = ?', run.seq)).n;
  if (intents > 0 || unit.passed_ms !== null) return {};
  const held = `FROM claims WHERE run = ? AND kind <> 'serial-number'`;
  const released = present(db.get<{ n: number }>(`SELECT count(*) AS n ${held}`, run.seq)).n;
  if (released === 0) return {};
  db.run(`DELETE ${held}`, run.seq);
  return { released };
}

const kindInWords = {
  'serial-number': 'serial number',
  ek: 'endorsement key',
  'public-key': 'key',
  'registration-id': 'registration id',
} as const;

export function identityTaken(db: ReadDb, kind: IdentityClaim['kind'], holder: number): ReturnType<typeof batchFault> {
  const other = unitBySeq(db, holder);
  return batchFault('identity-taken', {
    kind: kindInWords[kind],
    serialNumber: other.serial_number,
    unitId: other.unit_id,
    batch: batchBySeq(db, other.batch).name,
    state: other.state,
    slot: other.slot,
    operator: other.operator,
    firstRun: isoTime(other.first_run_ms),
    ...(other.passed_ms === null ? {} : { passedAt: isoTime(other.passed_ms) }),
  });
}

export function end(context: StoreContext, runId: RunId, record: EndRecord): Result<void> {
  return context.write((db, note) => {
    const found = openRun(db, runId);
    if (!found.ok) {
      const repeated = found.fault.code === 'run-ended' && found.fault.detail?.['verdict'] === record.verdict;
      return repeated ? ok() : found;
    }
    const run = found.value;
    const unit = unitBySeq(db, run.unit);
    const fault = JSON.stringify(record.fault);
    const { verdict, phase } = record;
    const released = releaseClaims(db, run, unit);
    const eventSeq = appendEvent(db, record.endedMs, {
      kind: 'run.ended',
      actor: run.operator,
      body: { runId, unitId: unit.unit_id, verdict, phase, fault: record.fault.code, ...released },
    });
    db.run(
      'UPDATE runs SET verdict = ?, phase = ?, fault = ?, ended_ms = ?, event_seq = ? WHERE seq = ?',
      ...[verdict, phase, fault, record.endedMs, eventSeq, run.seq],
    );
    db.run(
      'UPDATE units SET state = ?, fault = ?, had_verdict = 1 WHERE seq = ?',
      ...[verdict === 'fail' ? 'failed' : 'interrupted', fault, unit.seq],
    );
    if (verdict === 'fail') spendIntents(db, unit.seq, record.endedMs);
    noteInterruption(db, unit, run, record);
    noteRun(db, note, unit);
    return ok();
  });
}

export function noteRun(db: ReadDb, note: ChangeNote, unit: UnitRow): void {
  note.unit(unit.unit_id);
  note.batch(batchBySeq(db, unit.batch).batch_id);
}

export function typicalMs(context: StoreContext, attestation: Attestation): Result<number | undefined> {
  return context.db.read((db) => {
    const lastRuns = db.all<{ took: number }>(
      `SELECT ended_ms - started_ms AS took FROM runs WHERE attestation = ? AND verdict = 'pass'
        ORDER BY seq DESC LIMIT ?`,
      ...[attestation, typicalRuns],
    );
    const took = lastRuns.map((run) => run.took).sort((a, b) => a - b);
    const upper = took[Math.floor(took.length / 2)];
    const lower = took[Math.floor((took.length - 1) / 2)];
    return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
  });
}

export function interrupted(context: StoreContext): Result<readonly InterruptedRun[]> {
  return context.db.read((db) =>
    db.all<RunRow>('SELECT * FROM runs WHERE verdict IS NULL ORDER BY seq LIMIT ?', maxInterruptedRuns).map((run) => {
      const unit = unitBySeq(db, run.unit);
      return {
        runId: run.run_id,
        unitId: unit.unit_id,
        slot: run.slot,
        serialNumber: unit.serial_number,
        batchId: batchBySeq(db, run.batch).batch_id,
        open: intentsOf(db, unit.seq).open,
      };
    }),
  );
}
