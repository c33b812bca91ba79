/** Units as a screen sees them, page by page, and what becomes of them after the pass. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb, SqlValue } from '../../lib/sqlite/database.ts';
import type { UnitState, UnitView } from '../../contract/views.ts';
import type { AwaitedUnit, LifeSettlement } from '../batches/store-ports.ts';
import { flattened } from './batches.ts';
import type { ChangeNote, StoreContext } from './context.ts';
import { type Page, type PageQuery, clampedLimit, pageOf, seqCursor } from './cursor.ts';
import { appendEvent, stationActor } from './events.ts';
import { storeFault } from './faults.ts';
import type { SupersessionRow } from './unit-history.ts';
import { type UnitRow, batchBySeq, batchRow, faultIn, optional } from './rows.ts';
import type { WriteDb } from '../../lib/sqlite/database.ts';

export interface UnitQuery extends PageQuery {
  readonly batchId?: string | undefined;
  /** The beginning of a serial number, or of a registration id; capitals do not matter. */
  readonly search?: string | undefined;
  readonly state?: UnitState | undefined;
}

/** Newest first; a search goes up from the first match. */
export function listUnits(context: StoreContext, query: UnitQuery): Result<Page<UnitView>> {
  return flattened(
    context.db.read((db) => {
      const search = query.search?.trim() ?? '';
      const batch = query.batchId === undefined ? ok(undefined) : batchRow(db, query.batchId);
      if (!batch.ok) return batch;
      const scope = { batch: batch.value?.seq, state: query.state };
      const limit = clampedLimit(query.limit);
      return search === '' ? newest(db, scope, query, limit) : found(db, scope, { ...query, search }, limit);
    }),
  );
}

interface Scope {
  readonly batch: number | undefined;
  readonly state: UnitState | undefined;
}

interface Where {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

function where({ batch, state }: Scope): Where {
  const parts = [
    ...(batch === undefined ? [] : [{ sql: 'batch = ?', value: batch }]),
    ...(state === undefined ? [] : [{ sql: 'state = ?', value: state }]),
  ];
  return { sql: ['TRUE', ...parts.map((part) => part.sql)].join(' AND '), values: parts.map((part) => part.value) };
}

function newest(db: ReadDb, scope: Scope, query: PageQuery, limit: number): Result<Page<UnitView>> {
  const before = seqCursor(query.cursor);
  if (!before.ok) return before;
  const within = where(scope);
  const rows = db.all<UnitRow>(
    `SELECT * FROM units WHERE ${within.sql} AND seq < ? ORDER BY seq DESC LIMIT ?`,
    ...[...within.values, before.value, limit + 1],
  );
  const counted = db.get<{ n: number | null }>(
    `SELECT sum(n) AS n FROM unit_counts WHERE ${within.sql}`,
    ...within.values,
  );
  return ok(
    pageOf(rows, limit, {
      view: (row) => unitViewOf(db, row),
      cursor: (row) => String(row.seq),
      total: counted?.n ?? 0,
    }),
  );
}

type SearchColumn = 'serial_number' | 'registration_id';
const searchColumns = ['serial_number', 'registration_id'] as const;
// Counting further would read the whole list for one number; nobody pages through a thousand matches.
const maxCountedMatches = 1_000;
// Sorts after every character that a serial number or a registration id can have.
const last = '\u{10ffff}';

/** Serial numbers first; registration ids only where no serial number matches. */
function found(
  db: ReadDb,
  scope: Scope,
  query: PageQuery & { readonly search: string },
  limit: number,
): Result<Page<UnitView>> {
  const cursor = /^([sr]):(\d{1,15}):(.{1,200})$/su.exec(query.cursor ?? '');
  if (query.cursor !== undefined && cursor === null) return failed(storeFault('cursor-malformed'));
  const columns = cursor === null ? searchColumns : [cursor[1] === 's' ? searchColumns[0] : searchColumns[1]];
  const after = cursor === null ? undefined : { seq: Number(cursor[2]), key: cursor[3] ?? '' };
  const pages = columns.map((column) => () => matches(db, column, { scope, search: query.search, after }, limit));
  for (const page of pages) {
    const matched = page();
    if (matched.total > 0) return ok(matched);
  }
  return ok({ items: [], total: 0 });
}

interface Search {
  readonly scope: Scope;
  readonly search: string;
  /** Serial numbers that differ by their capitals alone are told apart by the row. */
  readonly after: { readonly seq: number; readonly key: string } | undefined;
}

function matches(db: ReadDb, column: SearchColumn, { scope, search, after }: Search, limit: number): Page<UnitView> {
  const within = where(scope);
  // Registration ids are kept in lower case; serial numbers have an index that ignores it.
  const isSerial = column === 'serial_number';
  const order = isSerial ? 'serial_number COLLATE NOCASE' : 'registration_id';
  const prefix = isSerial ? search : search.toLowerCase();
  const range = `${order} >= ? AND ${order} < ? AND ${within.sql}`;
  const bounds = [prefix, `${prefix}${last}`, ...within.values];
  // One lower bound, so that the search begins at it: the prefix on the first page, the last row on the others.
  const rows =
    after === undefined
      ? db.all<UnitRow>(`SELECT * FROM units WHERE ${range} ORDER BY ${order}, seq LIMIT ?`, ...bounds, limit + 1)
      : db.all<UnitRow>(
          `SELECT * FROM units WHERE (${order}, seq) > (?, ?) AND ${order} < ? AND ${within.sql}
            ORDER BY ${order}, seq LIMIT ?`,
          ...[after.key, after.seq, ...bounds.slice(1), limit + 1],
        );
  const counted = db.get<{ n: number }>(
    `SELECT count(*) AS n FROM (SELECT 1 FROM units WHERE ${range} LIMIT ?)`,
    ...[...bounds, maxCountedMatches],
  );
  return pageOf(rows, limit, {
    view: (row) => unitViewOf(db, row),
    cursor: (row) => `${isSerial ? 's' : 'r'}:${row.seq}:${row[column] ?? ''}`,
    total: counted?.n ?? 0,
  });
}

export function unitView(context: StoreContext, unitId: string): Result<UnitView> {
  return flattened(
    context.db.read((db) => {
      const row = db.get<UnitRow>('SELECT * FROM units WHERE unit_id = ?', unitId);
      return row === undefined ? failed(storeFault('unit-unknown', { unitId })) : ok(unitViewOf(db, row));
    }),
  );
}

export function unitViewOf(db: ReadDb, row: UnitRow): UnitView {
  return {
    unitId: row.unit_id,
    batchId: batchBySeq(db, row.batch).batch_id,
    serialNumber: row.serial_number,
    state: row.state,
    slot: row.slot,
    operator: row.operator,
    runs: row.runs,
    firstRunMs: row.first_run_ms,
    ...optional('attestation', row.attestation),
    ...optional('registrationId', row.registration_id),
    ...optional('deviceId', row.device_id),
    ...optional('fingerprint', row.fingerprint),
    ...optional('hub', row.hub),
    ...optional('passedMs', row.passed_ms),
    ...optional('enrolledMs', row.enrolled_ms),
    ...optional('registeredMs', row.registered_ms),
    ...optional('seenMs', row.seen_ms),
    ...optional('fault', faultIn(row.fault)),
    ...optional('rework', reworkOf(db, row)),
  };
}

/** Few units are ever reworked: the index says so with one look. */
function lastSupersession(db: ReadDb, { seq }: UnitRow): SupersessionRow | undefined {
  return db.get<SupersessionRow>('SELECT * FROM supersessions WHERE unit = ? ORDER BY seq DESC LIMIT 1', seq);
}

function reworkOf(db: ReadDb, unit: UnitRow): UnitView['rework'] {
  const last = lastSupersession(db, unit);
  if (last === undefined) return undefined;
  const counted = db.get<{ n: number }>('SELECT count(*) AS n FROM supersessions WHERE unit = ?', unit.seq);
  return { reason: last.reason, by: last.by, atMs: last.at_ms, count: counted?.n ?? 1 };
}

/** Longest due first. A unit that is awaited no more has no next look. */
export function lifeDue(context: StoreContext, limit: number): Result<readonly AwaitedUnit[]> {
  return context.db.read((db) =>
    db
      .all<UnitRow>(
        'SELECT * FROM units WHERE next_look_ms IS NOT NULL AND next_look_ms <= ? ORDER BY next_look_ms LIMIT ?',
        ...[context.nowMs(), clampedLimit(limit)],
      )
      .map((row) => ({
        unitId: row.unit_id,
        state: row.state === 'registered' ? ('registered' as const) : ('enrolled' as const),
        registrationId: row.registration_id ?? '',
        sinceMs: row.registered_ms ?? row.enrolled_ms ?? row.first_run_ms,
        ...optional('deviceId', row.device_id),
        ...optional('hub', row.hub),
        ...optional('registeredAfterMs', lastSupersession(db, row)?.registered_ms),
      })),
  );
}

export function lifeSettle(context: StoreContext, settlements: readonly LifeSettlement[]): Result<void> {
  return context.write((db, note) => {
    for (const settlement of settlements) {
      const row = db.get<UnitRow>('SELECT * FROM units WHERE unit_id = ?', settlement.unitId);
      if (row === undefined) return failed(storeFault('unit-unknown', { unitId: settlement.unitId }));
      settleLife(db, note, row, settlement);
    }
    return ok();
  });
}

function settleLife(db: WriteDb, note: ChangeNote, row: UnitRow, life: LifeSettlement): void {
  const { unit_id: unitId } = row;
  if (life.at === 'registered' && row.state === 'enrolled') {
    const { hub, deviceId, atMs } = life;
    db.run(
      `UPDATE units SET state = 'registered', hub = ?, device_id = ?, registered_ms = ? WHERE seq = ?`,
      ...[hub, deviceId, atMs, row.seq],
    );
    appendEvent(db, atMs, { kind: 'unit.registered', actor: stationActor, body: { unitId, hub, deviceId } });
  }
  if (life.at === 'seen' && row.state === 'registered') {
    db.run(`UPDATE units SET state = 'seen', seen_ms = ? WHERE seq = ?`, life.atMs, row.seq);
    appendEvent(db, life.atMs, { kind: 'unit.seen', actor: stationActor, body: { unitId } });
  }
  db.run(
    'UPDATE units SET next_look_ms = ? WHERE seq = ?',
    ...[life.at === 'seen' ? null : Math.round(life.nextLookMs), row.seq],
  );
  if (life.at === 'waiting') return;
  note.unit(unitId);
  note.batch(batchBySeq(db, row.batch).batch_id);
}
