/** The last verdict of each slot: what the bench showed when the station stopped. */
import type { Result } from '../../lib/base/result.ts';
import type { ReadDb } from '../../lib/sqlite/database.ts';
import { type Phase, type RunView, type UnitState, type Verdict, phases } from '../../contract/views.ts';
import type { StoreContext } from './context.ts';
import { optional } from './rows.ts';

export interface LastRun {
  readonly slot: number;
  readonly run: RunView;
}

interface LastRunRow {
  readonly run_id: string;
  readonly serial_number: string;
  readonly verdict: Verdict;
  readonly phase: Phase | null;
  readonly fault: string | null;
  readonly attestation: 'tpm' | 'x509' | null;
  readonly started_ms: number;
  readonly ended_ms: number | null;
  readonly registration_id: string | null;
  readonly state: UnitState;
  readonly hub: string | null;
}

// A bench has at most 16 slots; each is one look into an index.
const slots = Array.from({ length: 16 }, (_, at) => at + 1);

export function lastRuns(context: StoreContext): Result<readonly LastRun[]> {
  return context.db.read((db) => slots.flatMap((slot) => lastRunOf(db, slot)));
}

function lastRunOf(db: ReadDb, slot: number): readonly LastRun[] {
  const row = db.get<LastRunRow>(
    `SELECT run_id, serial_number, verdict, phase, runs.fault, runs.attestation, started_ms, ended_ms, registration_id,
      units.state, hub FROM runs JOIN units ON units.seq = runs.unit
      WHERE runs.slot = ? AND verdict IS NOT NULL ORDER BY runs.seq DESC LIMIT 1`,
    slot,
  );
  return row === undefined ? [] : [{ slot, run: viewOf(row) }];
}

function viewOf(row: LastRunRow): RunView {
  const isPass = row.verdict === 'pass';
  const reached = row.phase === null ? 0 : phases.indexOf(row.phase);
  const fault = row.fault === null ? undefined : (JSON.parse(row.fault) as NonNullable<RunView['fault']>);
  return {
    runId: row.run_id,
    serialNumber: row.serial_number,
    state: row.verdict,
    startedMs: row.started_ms,
    phases: phases.map((phase, at) => {
      const isDone = isPass || at < reached;
      return { phase, state: isDone ? 'done' : at === reached ? 'failed' : 'todo' };
    }),
    ...optional('endedMs', row.ended_ms ?? undefined),
    ...optional('attestation', row.attestation ?? undefined),
    ...optional('registrationId', row.registration_id ?? undefined),
    ...optional('hub', row.hub ?? undefined),
    ...optional('fault', fault === undefined ? undefined : { code: fault.code, say: fault.say, hint: fault.hint }),
    ...(isPass ? { unitState: row.state } : {}),
  };
}
