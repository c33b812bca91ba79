/** What a batch report is made of, page by page. */
import { type Result, ok } from '../../lib/base/result.ts';
import type { BatchId, SerialNumber } from '../batches/model.ts';
import type { ReportBatch, ReportUnit } from '../batches/store-ports.ts';
import { flattened } from './batches.ts';
import type { StoreContext } from './context.ts';
import { chainHead } from './events.ts';
import { type BatchRow, batchRow, faultIn, optional, termsOf } from './rows.ts';
import { settingsIn } from './settings.ts';
import { batchFault } from '../batches/faults.ts';
import { failed } from '../../lib/base/result.ts';

type ReadingContext = Pick<StoreContext, 'db'>;

// About 300 kB: a page is read within some milliseconds, and a bench is answered in between.
const reportPageUnits = 500;

export function reportBatch(context: ReadingContext, batchId: string): Result<ReportBatch> {
  return flattened(
    context.db.read((db) => {
      const newest = db.get<BatchRow>('SELECT * FROM batches ORDER BY seq DESC LIMIT 1');
      const row = batchId !== 'latest' ? batchRow(db, batchId) : newest === undefined ? undefined : ok(newest);
      if (row === undefined) return failed(batchFault('batch-unknown', { batchId }));
      if (!row.ok) return row;
      const { name, product, quantity } = termsOf(row.value);
      const head = chainHead(db);
      return ok({
        batchId: row.value.batch_id,
        name,
        product,
        quantity,
        state: row.value.state,
        openedMs: row.value.opened_ms,
        openedBy: row.value.opened_by,
        ...optional('closedMs', row.value.closed_ms),
        stationId: settingsIn(db).stationId,
        chainSeq: head.seq,
        chainHead: head.hash,
      });
    }),
  );
}

interface ReportRow {
  readonly seq: number;
  readonly serial_number: SerialNumber;
  readonly state: string;
  readonly verdict: string | null;
  readonly phase: string | null;
  readonly fault: string | null;
  readonly evidence: string | null;
  readonly operator: string;
  readonly slot: number;
  readonly runs: number;
  readonly attestation: string | null;
  readonly registration_id: string | null;
  readonly device_id: string | null;
  readonly fingerprint: string | null;
  readonly enrollment_kind: string | null;
  readonly enrollment_key: string | null;
  readonly enrollment_state: string | null;
  readonly hub: string | null;
  readonly first_run_ms: number;
  readonly passed_ms: number | null;
  readonly enrolled_ms: number | null;
  readonly registered_ms: number | null;
  readonly seen_ms: number | null;
  readonly decision: 'set-aside' | 'scrapped' | null;
  readonly decision_reason: string | null;
  readonly decided_by: string | null;
  readonly decided_ms: number | null;
}

export interface ReportPage {
  readonly units: readonly ReportUnit[];
  readonly next?: number;
}

/** The verdict is the unit's last one; the operator and the slot are those of its last run. */
export function reportUnits(context: ReadingContext, batchId: BatchId, after: number): Result<ReportPage> {
  return flattened(
    context.db.read((db) => {
      const batch = batchRow(db, batchId);
      if (!batch.ok) return batch;
      const rows = db.all<ReportRow>(
        `SELECT units.*, runs.verdict, runs.phase, runs.fault AS fault, runs.evidence,
          outbox.kind AS enrollment_kind, outbox.key AS enrollment_key, outbox.state AS enrollment_state,
          recoveries.state AS decision, reason AS decision_reason, decided_by, decided_ms
          FROM units
          LEFT JOIN runs ON runs.unit = units.seq AND runs.number = units.runs
          LEFT JOIN outbox ON outbox.id = units.outbox
          LEFT JOIN recoveries ON recoveries.unit = units.seq AND recoveries.state IN ('set-aside', 'scrapped')
          WHERE units.batch = ? AND units.seq > ? ORDER BY units.seq LIMIT ?`,
        ...[batch.value.seq, after, reportPageUnits],
      );
      const last = rows.at(-1);
      const units = rows.map(reportUnit);
      return ok(rows.length === reportPageUnits && last !== undefined ? { units, next: last.seq } : { units });
    }),
  );
}

function reportUnit(row: ReportRow): ReportUnit {
  const fault = faultIn(row.fault);
  const evidence = row.evidence === null ? undefined : (JSON.parse(row.evidence) as Evidence);
  return {
    serialNumber: row.serial_number,
    state: row.state,
    operator: row.operator,
    slot: row.slot,
    runs: row.runs,
    firstRunMs: row.first_run_ms,
    ...optional('verdict', row.verdict),
    ...optional('phase', row.phase),
    ...optional('faultCode', fault?.code),
    ...optional('faultSay', fault?.say),
    ...optional('model', evidence?.facts.model),
    ...optional('firmware', evidence?.facts.firmware),
    ...(evidence?.facts.lock === 'locked' ? { isLocked: true } : {}),
    ...identityOf(row),
    ...optional('passedMs', row.passed_ms),
    ...optional('enrolledMs', row.enrolled_ms),
    ...optional('registeredMs', row.registered_ms),
    ...optional('seenMs', row.seen_ms),
    ...optional('decision', row.decision),
    ...optional('decisionReason', row.decision_reason),
    ...optional('decidedBy', row.decided_by),
    ...optional('decidedMs', row.decided_ms),
  };
}

interface Evidence {
  readonly facts: { readonly model: string; readonly firmware: string; readonly lock?: string };
}

function identityOf(row: ReportRow): Partial<ReportUnit> {
  return {
    ...optional('attestation', row.attestation),
    ...optional('registrationId', row.registration_id),
    ...optional('deviceId', row.device_id),
    ...optional('fingerprint', row.fingerprint),
    ...optional('enrollmentKind', row.enrollment_kind),
    ...optional('enrollmentKey', row.enrollment_key),
    ...optional('enrollmentState', row.enrollment_state),
    ...optional('hub', row.hub),
  };
}
