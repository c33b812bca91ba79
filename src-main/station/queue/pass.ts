/** The verdict PASS: unit, run, evidence, outbox row and event, in one transaction or not at all. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { WriteDb } from '../../lib/sqlite/database.ts';
import {
  type Enrollment,
  type IndividualAttestation,
  enrollmentGroup,
  firstCertificate,
  individualEnrollment,
} from '../batches/enrollment.ts';
import type { RunId } from '../batches/model.ts';
import { deviceIdOf } from '../batches/naming.ts';
import type { PassRecord } from '../bench/ports.ts';
import type { StoreContext } from './context.ts';
import { appendEvent } from './events.ts';
import { storeFault } from './faults.ts';
import { spendIntents } from './intents.ts';
import { identityTaken, noteRun } from './journal.ts';
import { finishRecovery } from './recoveries.ts';
import { disableSuperseded, replaceEntry } from './rework.ts';
import {
  type BatchRow,
  type OutboxRow,
  type RunRow,
  type UnitRow,
  batchBySeq,
  openRun,
  present,
  signerOf,
  termsOf,
  unitBySeq,
} from './rows.ts';

interface Passing {
  readonly run: RunRow;
  readonly unit: UnitRow;
  readonly batch: BatchRow;
  readonly record: PassRecord;
  readonly deviceId: string;
}

export function pass(context: StoreContext, runId: RunId, record: PassRecord): Result<void> {
  return context.write((db, note) => {
    const run = openRun(db, runId);
    if (!run.ok) {
      const repeated = run.fault.code === 'run-ended' && run.fault.detail?.['verdict'] === 'pass';
      return repeated ? ok() : run;
    }
    const unit = unitBySeq(db, run.value.unit);
    const batch = batchBySeq(db, run.value.batch);
    const claimed = isClaimed(db, unit, record.registrationId);
    if (!claimed.ok) return claimed;
    const deviceId = deviceIdFor(batch, unit, record);
    if (!deviceId.ok) return deviceId;
    const passing = { run: run.value, unit, batch, record, deviceId: deviceId.value };
    const entry = enqueued(db, passing);
    const eventSeq = appendEvent(db, record.endedMs, passedEvent(passing, entry));
    saveRun(db, passing, eventSeq);
    saveUnit(db, passing, entry);
    disableSuperseded(db, unit, entry, record.endedMs);
    finishRecovery(db, unit, runId, record.endedMs);
    noteRun(db, note, unit);
    note.outbox();
    return ok();
  });
}

function isClaimed(db: WriteDb, unit: UnitRow, registrationId: string): Result<void> {
  const held = db.get<{ unit: number }>(
    `SELECT unit FROM claims WHERE kind = 'registration-id' AND value = ?`,
    registrationId.toLowerCase(),
  );
  if (held === undefined) return failed(storeFault('identity-unclaimed', { registrationId }));
  return held.unit === unit.seq ? ok() : failed(identityTaken(db, 'registration-id', held.unit));
}

function isGroup(batch: BatchRow, record: PassRecord): boolean {
  return record.attestation === 'x509' && batch.enrollment_group_id !== null;
}

/** A device of a group is named by its registration id, always (dps-wire 0.1). */
function deviceIdFor(batch: BatchRow, unit: UnitRow, record: PassRecord): Result<string> {
  const { registrationId } = record;
  if (isGroup(batch, record)) return ok(registrationId);
  return deviceIdOf(termsOf(batch), { registrationId, serialNumber: unit.serial_number });
}

/** The entry that enrolls the unit: one of its own, or the one of its family. */
function enqueued(db: WriteDb, passing: Passing): OutboxRow {
  const { batch, unit, record } = passing;
  const isFamily = isGroup(batch, record);
  const kind = isFamily ? 'group' : 'individual';
  const key = isFamily ? present(batch.enrollment_group_id ?? undefined) : record.registrationId;
  const known = db.get<OutboxRow>('SELECT * FROM outbox WHERE kind = ? AND key = ?', kind, key);
  // One group serves every batch of its signer: it is made once.
  if (known !== undefined && isFamily) return known;
  const body: Enrollment = isFamily ? familyOf(batch, key) : individualOf(passing);
  if (known !== undefined) {
    const text = JSON.stringify(body);
    return known.body === text ? known : replaceEntry(db, known, text, record.endedMs);
  }
  const added = db.run(
    `INSERT INTO outbox (kind, key, batch, serial_number, body, state, next_due_ms, created_ms)
      VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)`,
    ...[kind, key, batch.seq, isFamily ? null : unit.serial_number, JSON.stringify(body)],
    ...[record.endedMs, record.endedMs],
  );
  return present(db.get<OutboxRow>('SELECT * FROM outbox WHERE id = ?', added.lastId));
}

function familyOf(batch: BatchRow, key: string): Enrollment {
  return enrollmentGroup(key, present(signerOf(batch)).certificatePem, termsOf(batch));
}

function individualOf(passing: Passing): Enrollment {
  const { record, batch, deviceId } = passing;
  const { registrationId } = record;
  return individualEnrollment({ registrationId, deviceId }, attestationOf(record), termsOf(batch));
}

function attestationOf(record: PassRecord): IndividualAttestation {
  const { endorsementKey, storageRootKey, certificateChain } = record;
  if (record.attestation === 'x509') {
    const certificate = firstCertificate(present(certificateChain));
    return { type: 'x509', x509: { clientCertificates: { primary: { certificate } } } };
  }
  const tpm = { endorsementKey: present(endorsementKey), ...(storageRootKey === undefined ? {} : { storageRootKey }) };
  return { type: 'tpm', tpm };
}

function passedEvent(passing: Passing, entry: OutboxRow): Parameters<typeof appendEvent>[2] {
  const { run, unit, record, deviceId } = passing;
  return {
    kind: 'run.passed',
    actor: run.operator,
    body: {
      runId: run.run_id,
      unitId: unit.unit_id,
      serialNumber: unit.serial_number,
      attestation: record.attestation,
      registrationId: record.registrationId,
      deviceId,
      fingerprint: record.fingerprint,
      ...(record.facts.lock === 'locked' ? { locked: true } : {}),
      enrollment: `${entry.kind}:${entry.key}`,
    },
  };
}

function saveRun(db: WriteDb, { run, record }: Passing, eventSeq: number): void {
  const { facts, phaseMs, leftOut, endorsementKey, storageRootKey, certificateChain } = record;
  const evidence = JSON.stringify({ facts, phaseMs, leftOut, endorsementKey, storageRootKey, certificateChain });
  db.run(
    `UPDATE runs SET verdict = 'pass', phase = 'commit', attestation = ?, evidence = ?, ended_ms = ?, event_seq = ?
      WHERE seq = ?`,
    ...[record.attestation, evidence, record.endedMs, eventSeq, run.seq],
  );
  // Everything was read back before the commit: nothing of this unit is left to finish.
  db.run('UPDATE intents SET closed_ms = ? WHERE unit = ? AND closed_ms IS NULL', record.endedMs, run.unit);
  spendIntents(db, run.unit, record.endedMs);
}

function saveUnit(db: WriteDb, passing: Passing, entry: OutboxRow): void {
  const { run, unit, record, deviceId } = passing;
  // A family that the service knows already takes its members in without another word.
  const isEnrolled = entry.state === 'sent';
  db.run(
    `UPDATE units SET state = ?, attestation = ?, registration_id = ?, device_id = ?, fingerprint = ?, slot = ?,
      operator = ?, outbox = ?, fault = NULL, had_verdict = 1, first_passed = ?, passed_ms = ?, enrolled_ms = ?,
      next_look_ms = ? WHERE seq = ?`,
    ...[isEnrolled ? 'enrolled' : 'passed', record.attestation, record.registrationId, deviceId, record.fingerprint],
    ...[run.slot, run.operator, entry.id, Number(run.number === 1), record.endedMs],
    ...[isEnrolled ? record.endedMs : null, isEnrolled ? record.endedMs : null, unit.seq],
  );
}
