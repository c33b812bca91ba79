/** Everything that was ever done to one unit: its runs, and the identities that rework superseded. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { UnitHistoryView } from '../../contract/recovery-views.ts';
import type { Phase, Verdict } from '../../contract/views.ts';
import { flattened } from './batches.ts';
import type { StoreContext } from './context.ts';
import { storeFault } from './faults.ts';
import { type UnitRow, faultIn, optional } from './rows.ts';

// As many as the contract shows: nobody reads on behind two hundred runs of one unit.
const maxShown = 200;

interface HistoryRunRow {
  readonly run_id: string;
  readonly number: number;
  readonly slot: number;
  readonly operator: string;
  readonly phase: Phase | null;
  readonly verdict: Verdict | null;
  readonly fault: string | null;
  readonly started_ms: number;
  readonly ended_ms: number | null;
}

export interface SupersessionRow {
  readonly reason: string;
  readonly by: string;
  readonly at_ms: number;
  readonly registration_id: string;
  readonly device_id: string | null;
  readonly fingerprint: string | null;
  readonly outbox: number | null;
  readonly passed_ms: number;
  readonly registered_ms: number | null;
}

export function unitHistory(context: StoreContext, unitId: string): Result<UnitHistoryView> {
  return flattened(
    context.db.read((db) => {
      const unit = db.get<UnitRow>('SELECT * FROM units WHERE unit_id = ?', unitId);
      if (unit === undefined) return failed(storeFault('unit-unknown', { unitId }));
      const runs = db.all<HistoryRunRow>(
        'SELECT * FROM runs WHERE unit = ? ORDER BY number DESC LIMIT ?',
        ...[unit.seq, maxShown],
      );
      const superseded = db.all<SupersessionRow>(
        'SELECT * FROM supersessions WHERE unit = ? ORDER BY seq DESC LIMIT ?',
        ...[unit.seq, maxShown],
      );
      return ok({
        unitId: unit.unit_id,
        serialNumber: unit.serial_number,
        runs: runs.map(runView),
        superseded: superseded.map((row) => ({
          reason: row.reason,
          by: row.by,
          atMs: row.at_ms,
          passedMs: row.passed_ms,
          registrationId: row.registration_id,
          ...optional('deviceId', row.device_id),
          ...optional('fingerprint', row.fingerprint),
        })),
      });
    }),
  );
}

function runView(row: HistoryRunRow): UnitHistoryView['runs'][number] {
  const fault = faultIn(row.fault);
  const shown = fault === undefined ? undefined : { code: fault.code, say: fault.say, hint: fault.hint };
  return {
    runId: row.run_id,
    number: row.number,
    slot: row.slot,
    operator: row.operator,
    startedMs: row.started_ms,
    ...optional('endedMs', row.ended_ms),
    ...optional('phase', row.phase),
    ...optional('verdict', row.verdict),
    ...optional('fault', shown),
  };
}
