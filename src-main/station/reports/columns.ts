/** What a batch report tells of each unit, in the order of its columns (docs/operating.md explains them). */
import { isoTime } from '../../lib/base/host.ts';
import { virtualSerialPrefix } from '../batches/naming.ts';
import type { ReportBatch, ReportUnit } from '../batches/store-ports.ts';

type Value = string | number | undefined;
type Column = (unit: ReportUnit, batch: ReportBatch) => Value;

const time = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : isoTime(ms));

export const columns: Readonly<Record<string, Column>> = {
  batch_id: (_, batch) => batch.batchId,
  batch: (_, batch) => batch.name,
  product: (_, batch) => batch.product,
  station: (_, batch) => batch.stationId,
  serial_number: (unit) => unit.serialNumber,
  state: (unit) => unit.state,
  verdict: (unit) => unit.verdict,
  reason_code: (unit) => unit.faultCode,
  reason: (unit) => unit.faultSay,
  last_phase: (unit) => unit.phase,
  operator: (unit) => unit.operator,
  slot: (unit) => unit.slot,
  runs: (unit) => unit.runs,
  model: (unit) => unit.model,
  firmware: (unit) => unit.firmware,
  virtual: (unit, batch) => (unit.serialNumber.startsWith(virtualSerialPrefix(batch.stationId)) ? 'yes' : undefined),
  locked: (unit) => (unit.isLocked === true ? 'yes' : undefined),
  attestation: (unit) => unit.attestation,
  fingerprint_sha256: (unit) => unit.fingerprint,
  enrollment_kind: (unit) => unit.enrollmentKind,
  enrollment_key: (unit) => unit.enrollmentKey,
  enrollment_state: (unit) => unit.enrollmentState,
  registration_id: (unit) => unit.registrationId,
  device_id: (unit) => unit.deviceId,
  hub: (unit) => unit.hub,
  first_run_at: (unit) => time(unit.firstRunMs),
  passed_at: (unit) => time(unit.passedMs),
  enrolled_at: (unit) => time(unit.enrolledMs),
  registered_at: (unit) => time(unit.registeredMs),
  seen_at: (unit) => time(unit.seenMs),
  decision: (unit) => unit.decision,
  decision_reason: (unit) => unit.decisionReason,
  decided_by: (unit) => unit.decidedBy,
  decided_at: (unit) => time(unit.decidedMs),
  chain_events: (_, batch) => batch.chainSeq,
  chain_head: (_, batch) => batch.chainHead,
};

/** The columns that are the same in every line: JSON Lines tell them once. */
const batchColumns = new Set(['batch_id', 'batch', 'product', 'station', 'chain_events', 'chain_head']);

export function cellsOf(unit: ReportUnit, batch: ReportBatch): readonly (string | number)[] {
  return Object.values(columns).map((column) => column(unit, batch) ?? '');
}

/** Members that the station does not know are left out. */
export function unitMembers(unit: ReportUnit, batch: ReportBatch): Readonly<Record<string, Value>> {
  const members = Object.entries(columns).filter(([name]) => !batchColumns.has(name));
  return Object.fromEntries(members.map(([name, column]) => [name, column(unit, batch)]));
}

export function batchMembers(batch: ReportBatch): Readonly<Record<string, Value>> {
  return {
    batch_id: batch.batchId,
    batch: batch.name,
    product: batch.product,
    station: batch.stationId,
    quantity: batch.quantity,
    state: batch.state,
    opened_at: isoTime(batch.openedMs),
    opened_by: batch.openedBy,
    closed_at: time(batch.closedMs),
    chain_events: batch.chainSeq,
    chain_head: batch.chainHead,
  };
}
