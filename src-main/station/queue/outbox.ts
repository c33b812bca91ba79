/** Enrollments that the service has not confirmed yet: taken in order of age, settled once, never given up. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { OutboxEntryView, OutboxState } from '../../contract/views.ts';
import type { OutboxCounts, OutboxEntry, OutboxOutcome, OutboxSettlement } from '../batches/store-ports.ts';
import type { ChangeNote, StoreContext } from './context.ts';
import { type Page, type PageQuery, clampedLimit, pageOf, seqCursor } from './cursor.ts';
import { flattened } from './batches.ts';
import { appendEvent, stationActor } from './events.ts';
import { storeFault } from './faults.ts';
import { type OutboxRow, type UnitRow, batchBySeq, faultIn, optional } from './rows.ts';

export interface OutboxQuery extends PageQuery {
  readonly state?: OutboxState | undefined;
}

// More units than a batch may have share no entry but a family's; they are named one by one up to here.
const maxNamedUnits = 200;

// Beyond what any backoff or look plans ahead (one hour): such a time was written by a clock that was wrong.
const maxAheadMs = 2 * 3_600_000;

export function outboxRelease(context: StoreContext): Result<void> {
  return context.write((db, note) => {
    const nowMs = context.nowMs();
    const released = db.run(`UPDATE outbox SET state = 'pending' WHERE state = 'sending'`);
    const corrected = db.run(
      `UPDATE outbox SET next_due_ms = ? WHERE state = 'pending' AND next_due_ms > ?`,
      ...[nowMs, nowMs + maxAheadMs],
    );
    db.run('UPDATE units SET next_look_ms = ? WHERE next_look_ms > ?', nowMs, nowMs + maxAheadMs);
    if (released.changes + corrected.changes > 0) note.outbox();
    return ok();
  });
}

export function outboxTake(context: StoreContext, limit: number): Result<readonly OutboxEntry[]> {
  return context.write((db, note) => {
    // A new entry falls due when it is made: among due entries this is the order of age.
    const rows = db.all<OutboxRow>(
      `SELECT * FROM outbox WHERE state = 'pending' AND next_due_ms <= ? ORDER BY next_due_ms, id LIMIT ?`,
      ...[context.nowMs(), clampedLimit(limit)],
    );
    for (const row of rows) {
      db.run(`UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ?`, row.id);
    }
    if (rows.length > 0) note.outbox();
    return ok(
      rows.map(({ id, kind, key, act, body, attempts, created_ms }) => ({
        entryId: id,
        kind,
        key,
        act,
        body,
        attempts: attempts + 1,
        createdMs: created_ms,
      })),
    );
  });
}

export function outboxSettle(context: StoreContext, settlements: readonly OutboxSettlement[]): Result<void> {
  return context.write((db, note) => {
    for (const { entryId, outcome } of settlements) {
      const row = db.get<OutboxRow>('SELECT * FROM outbox WHERE id = ?', entryId);
      if (row === undefined) return failed(storeFault('outbox-unknown', { entryId }));
      // An entry that was given another body while it was on its way is sent again, with that one.
      if (row.state === 'sending') settle(db, note, row, { outcome, nowMs: context.nowMs() });
    }
    return ok();
  });
}

const sentEvents = {
  create: 'enrollment.sent',
  replace: 'enrollment.replaced',
  disable: 'enrollment.disabled',
} as const satisfies Record<OutboxRow['act'], string>;

interface Settling {
  readonly outcome: OutboxOutcome;
  readonly nowMs: number;
}

function settle(db: WriteDb, note: ChangeNote, row: OutboxRow, { outcome, nowMs }: Settling): void {
  const { kind, key, act } = row;
  note.outbox();
  switch (outcome.at) {
    case 'sent':
      db.run(`UPDATE outbox SET state = 'sent', fault = NULL, sent_ms = ? WHERE id = ?`, nowMs, row.id);
      appendEvent(db, nowMs, { kind: sentEvents[act], actor: stationActor, body: { kind, key } });
      enrolUnits(db, note, row, nowMs);
      break;
    case 'pending':
      db.run(
        `UPDATE outbox SET state = 'pending', fault = ?, next_due_ms = ? WHERE id = ?`,
        ...[JSON.stringify(outcome.fault), Math.round(outcome.dueMs), row.id],
      );
      break;
    case 'parked':
      db.run(`UPDATE outbox SET state = 'parked', fault = ? WHERE id = ?`, JSON.stringify(outcome.fault), row.id);
      appendEvent(db, nowMs, {
        kind: 'enrollment.parked',
        actor: stationActor,
        body: { kind, key, fault: outcome.fault.code },
      });
      note.batch(batchBySeq(db, row.batch).batch_id);
      break;
  }
}

function enrolUnits(db: WriteDb, note: ChangeNote, row: OutboxRow, nowMs: number): void {
  const units = db.all<Pick<UnitRow, 'unit_id'>>(
    `SELECT unit_id FROM units WHERE outbox = ? AND state = 'passed' LIMIT ?`,
    ...[row.id, maxNamedUnits + 1],
  );
  const batches = db.all<{ batch: number }>(
    `SELECT DISTINCT batch FROM units WHERE outbox = ? AND state = 'passed'`,
    row.id,
  );
  db.run(
    `UPDATE units SET state = 'enrolled', enrolled_ms = ?, next_look_ms = ? WHERE outbox = ? AND state = 'passed'`,
    ...[nowMs, nowMs, row.id],
  );
  for (const unit of units.slice(0, maxNamedUnits)) note.unit(unit.unit_id);
  if (units.length > maxNamedUnits) note.manyUnits();
  for (const { batch } of batches) note.batch(batchBySeq(db, batch).batch_id);
}

export function outboxCounts(context: StoreContext): Result<OutboxCounts> {
  return context.db.read((db) => {
    const due = db.get<{ ms: number | null }>(`SELECT min(next_due_ms) AS ms FROM outbox WHERE state = 'pending'`);
    return {
      pending: countOf(db, 'pending'),
      sending: countOf(db, 'sending'),
      sent: countOf(db, 'sent'),
      parked: countOf(db, 'parked'),
      ...optional('nextDueMs', due?.ms),
    };
  });
}

function countOf(db: ReadDb, state: OutboxState | undefined): number {
  const [sql, values] = state === undefined ? ['', []] : [' WHERE state = ?', [state]];
  return db.get<{ n: number | null }>(`SELECT sum(n) AS n FROM outbox_counts${sql}`, ...values)?.n ?? 0;
}

/** Newest first. */
export function listOutbox(context: StoreContext, query: OutboxQuery): Result<Page<OutboxEntryView>> {
  return flattened(
    context.db.read((db) => {
      const before = seqCursor(query.cursor);
      if (!before.ok) return before;
      const limit = clampedLimit(query.limit);
      const [sql, values] = query.state === undefined ? ['', []] : ['state = ? AND ', [query.state]];
      const rows = db.all<OutboxRow>(
        `SELECT * FROM outbox WHERE ${sql}id < ? ORDER BY id DESC LIMIT ?`,
        ...[...values, before.value, limit + 1],
      );
      const total = countOf(db, query.state);
      return ok(pageOf(rows, limit, { view: (row) => entryView(db, row), cursor: (row) => String(row.id), total }));
    }),
  );
}

/** Sends a parked entry again, at once. */
export function retryOutbox(context: StoreContext, entryId: number, by: string): Result<OutboxEntryView> {
  return context.write((db, note) => {
    const row = db.get<OutboxRow>('SELECT * FROM outbox WHERE id = ?', entryId);
    if (row === undefined) return failed(storeFault('outbox-unknown', { entryId }));
    const { kind, key, state } = row;
    if (state !== 'parked') return failed(storeFault('outbox-not-parked', { key, state }));
    db.run(`UPDATE outbox SET state = 'pending', next_due_ms = ? WHERE id = ?`, context.nowMs(), entryId);
    appendEvent(db, context.nowMs(), { kind: 'enrollment.retried', actor: by, body: { kind, key } });
    note.outbox();
    note.batch(batchBySeq(db, row.batch).batch_id);
    return ok(entryView(db, { ...row, state: 'pending', next_due_ms: context.nowMs() }));
  });
}

function entryView(db: ReadDb, row: OutboxRow): OutboxEntryView {
  return {
    entryId: row.id,
    kind: row.kind,
    key: row.key,
    batchId: batchBySeq(db, row.batch).batch_id,
    state: row.state,
    attempts: row.attempts,
    createdMs: row.created_ms,
    ...(row.act === 'create' ? {} : { act: row.act }),
    ...optional('serialNumber', row.serial_number),
    ...(row.state === 'pending' ? { nextDueMs: row.next_due_ms } : {}),
    ...optional('sentMs', row.sent_ms),
    ...optional('fault', faultIn(row.fault)),
  };
}
