/** Rework: a pass is superseded with a reason, so that the unit can be done again. What it was is kept. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { WriteDb } from '../../lib/sqlite/database.ts';
import type { UnitView } from '../../contract/views.ts';
import { batchFault } from '../batches/faults.ts';
import type { IndividualEnrollment } from '../batches/enrollment.ts';
import type { StoreContext } from './context.ts';
import { appendEvent, stationActor } from './events.ts';
import { storeFault } from './faults.ts';
import { noteRun } from './journal.ts';
import { type OutboxRow, type UnitRow, present } from './rows.ts';
import { unitViewOf } from './units.ts';

export interface ReworkOrder {
  readonly unitId: string;
  readonly reason: string;
  readonly by: string;
}

export function rework(context: StoreContext, { unitId, reason, by }: ReworkOrder): Result<UnitView> {
  return context.write((db, note) => {
    const unit = db.get<UnitRow>('SELECT * FROM units WHERE unit_id = ?', unitId);
    if (unit === undefined) return failed(storeFault('unit-unknown', { unitId }));
    const { serial_number: serialNumber, passed_ms: passedMs } = unit;
    if (unit.state === 'in-work') return failed(storeFault('unit-in-work', { serialNumber }));
    if (passedMs === null) return failed(storeFault('unit-not-passed', { serialNumber }));
    const nowMs = context.nowMs();
    supersede(db, unit, { reason, by, nowMs });
    const fault = JSON.stringify(batchFault('unit-reworked', { serialNumber, by, reason }));
    db.run(
      `UPDATE units SET state = 'interrupted', attestation = NULL, registration_id = NULL, device_id = NULL,
        fingerprint = NULL, hub = NULL, outbox = NULL, fault = ?, first_passed = 0, passed_ms = NULL, enrolled_ms = NULL,
        registered_ms = NULL, seen_ms = NULL, next_look_ms = NULL WHERE seq = ?`,
      ...[fault, unit.seq],
    );
    appendEvent(db, nowMs, {
      kind: 'unit.reworked',
      actor: by,
      body: {
        ...{ unitId, serialNumber, reason, passedMs, state: unit.state },
        ...{ registrationId: unit.registration_id, fingerprint: unit.fingerprint },
      },
    });
    noteRun(db, note, unit);
    return ok(unitViewOf(db, present(db.get<UnitRow>('SELECT * FROM units WHERE seq = ?', unit.seq))));
  });
}

interface Decision {
  readonly reason: string;
  readonly by: string;
  readonly nowMs: number;
}

function supersede(db: WriteDb, unit: UnitRow, { reason, by, nowMs }: Decision): void {
  db.run(
    `INSERT INTO supersessions (unit, reason, by, at_ms, attestation, registration_id, device_id, fingerprint, hub,
      outbox, passed_ms, registered_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[unit.seq, reason, by, nowMs, unit.attestation, unit.registration_id, unit.device_id, unit.fingerprint],
    ...[unit.hub, unit.outbox, unit.passed_ms, unit.registered_ms],
  );
}

/** What the service holds under the entry's key, or is about to, gives way to the new body. */
export function replaceEntry(db: WriteDb, entry: OutboxRow, body: string, nowMs: number): OutboxRow {
  // What was never taken was never sent: the first thing that the service hears of it is the new one.
  const act = entry.act === 'create' && entry.state === 'pending' && entry.attempts === 0 ? 'create' : 'replace';
  return changeEntry(db, entry, { body, act, nowMs });
}

/** The identities that the unit had before and has no more may not register again; groups serve others too and stay. */
export function disableSuperseded(db: WriteDb, unit: UnitRow, current: OutboxRow, nowMs: number): void {
  const entries = db.all<OutboxRow>(
    `SELECT * FROM outbox WHERE kind = 'individual' AND act <> 'disable' AND id <> ?
      AND id IN (SELECT outbox FROM supersessions WHERE unit = ?)`,
    ...[current.id, unit.seq],
  );
  for (const entry of entries) {
    const enrollment = JSON.parse(entry.body) as IndividualEnrollment;
    const body = JSON.stringify({ ...enrollment, provisioningStatus: 'disabled' } satisfies IndividualEnrollment);
    changeEntry(db, entry, { body, act: 'disable', nowMs });
    appendEvent(db, nowMs, {
      kind: 'enrollment.superseded',
      actor: stationActor,
      body: { unitId: unit.unit_id, key: entry.key, by: current.key },
    });
  }
}

interface EntryChange {
  readonly body: string;
  readonly act: OutboxRow['act'];
  readonly nowMs: number;
}

function changeEntry(db: WriteDb, entry: OutboxRow, { body, act, nowMs }: EntryChange): OutboxRow {
  db.run(
    `UPDATE outbox SET body = ?, act = ?, state = 'pending', attempts = 0, next_due_ms = ?, fault = NULL, sent_ms = NULL
      WHERE id = ?`,
    ...[body, act, nowMs, entry.id],
  );
  return present(db.get<OutboxRow>('SELECT * FROM outbox WHERE id = ?', entry.id));
}
