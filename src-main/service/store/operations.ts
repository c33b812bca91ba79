/** Operations and registrations: what a device's call and the worker's end of it write. */
import { sql, type Kysely, type Transaction } from 'kysely';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import { registrationErrors } from '../core/faults.ts';
import type { FinishedOperation, OldOperations, Postponed } from '../core/ports.ts';
import { keyOf, type NewOperation, type Operation, type Plan } from '../core/records.ts';
import { placesOver, type Places } from './places.ts';
import { query } from './queries.ts';
import { operationFromRow } from './rows.ts';
import type { OperationRow, RegistrationRow, Tables } from './schema.ts';

export interface Operations {
  /** As it was kept. */
  start(db: WriteDb, operation: NewOperation): Operation;
  byId(db: ReadDb, id: string): Operation | undefined;
  postpone(db: WriteDb, id: string, postponed: Postponed): void;
  finish(db: WriteDb, finished: FinishedOperation): void;
}

// A device that repeats its call polls the newest; more of one id are rows that nobody asks for, and would fill the disk.
const maxOfOneId = 8;

type NewRow = Omit<OperationRow, 'seq' | 'state' | 'outcome' | 'attempts' | 'finished_ms' | 'is_written'>;
type ShownStart = Pick<RegistrationRow, 'key' | 'id' | 'etag' | 'updated_ms' | 'group_key'>;
type Done = Pick<OperationRow, 'outcome' | 'hub_key_blob' | 'issued_chain' | 'finished_ms' | 'registration_key'> & {
  seq: number;
};
type ShownAssigned = Pick<
  RegistrationRow,
  'key' | 'status' | 'assigned_hub' | 'device_id' | 'substatus' | 'etag' | 'updated_ms'
>;
type ShownFailed = Pick<RegistrationRow, 'key' | 'status' | 'error_code' | 'error_message' | 'etag' | 'updated_ms'>;
type PendingRow = Pick<OperationRow, 'registration_key' | 'hub_key_blob' | 'issued_chain'> & { seq: number };
type OfRegistration = { readonly registration_key: string };

function statements(db: Kysely<Tables>) {
  return { ...operationStatements(db), ...crowdStatements(db), ...registrationStatements(db) };
}

function operationStatements(db: Kysely<Tables>) {
  return {
    insert: query((row: NewRow) =>
      db.insertInto('operations').values({
        ...{ id: row.id, registration_key: row.registration_key, state: 'assigning', proof: row.proof },
        ...{ plan: row.plan, hub_key_blob: row.hub_key_blob, group_id: row.group_id, outcome: null, attempts: 0 },
        is_written: 0,
        ...{ due_ms: row.due_ms, created_ms: row.created_ms, finished_ms: null },
        ...{ payload: row.payload, issued_chain: row.issued_chain },
      }),
    ),
    byId: query(({ id }: { readonly id: string }) => db.selectFrom('operations').selectAll().where('id', '=', id)),
    pending: query<{ readonly id: string }, PendingRow>(({ id }) =>
      db
        .selectFrom('operations')
        .select(['seq', 'registration_key', 'hub_key_blob', 'issued_chain'])
        .where('id', '=', id)
        .where(sql<boolean>`state = 'assigning'`),
    ),
    finish: query((done: Done) =>
      db
        .updateTable('operations')
        // The plan held the hub's key in the clear; what the device sent along was for its allocation.
        .set({
          ...{ state: 'done', plan: null, payload: null, outcome: done.outcome, finished_ms: done.finished_ms },
          ...{ hub_key_blob: done.hub_key_blob, issued_chain: done.issued_chain },
        })
        .where('registration_key', '=', done.registration_key)
        // Literal: the index is of these alone, and a bound value would not tell that it fits.
        .where(sql<boolean>`state = 'assigning'`)
        .where('seq', '<=', done.seq),
    ),
    postpone: query(({ id, due_ms, is_written }: Pick<OperationRow, 'id' | 'due_ms' | 'is_written'>) =>
      db
        .updateTable('operations')
        .set((row) => ({ due_ms, is_written, attempts: row('attempts', '+', 1) }))
        .where('id', '=', id)
        .where('state', '=', 'assigning'),
    ),
    newer: query((of: OfRegistration) =>
      db
        .selectFrom('operations')
        .select('seq')
        .where('registration_key', '=', of.registration_key)
        .where(sql<boolean>`state = 'assigning'`)
        .limit(1),
    ),
  };
}

/** What others of one registration id come to when one more begins or ends. */
function crowdStatements(db: Kysely<Tables>) {
  return {
    // The newest alone is worked off.
    emptyOlder: query((of: OfRegistration) =>
      db
        .updateTable('operations')
        .set({ payload: null })
        .where('registration_key', '=', of.registration_key)
        .where(sql<boolean>`state = 'assigning' AND payload IS NOT NULL`),
    ),
    thin: query((of: OfRegistration) =>
      db.deleteFrom('operations').where(
        sql<boolean>`seq IN (SELECT seq FROM operations WHERE registration_key = ${of.registration_key}
          ORDER BY seq DESC LIMIT -1 OFFSET ${sql.lit(maxOfOneId)})`,
      ),
    ),
    // The hub knows the newest credential alone: an older poll is told no other certificate, key or place.
    renewOlder: query((done: Done) =>
      db
        .updateTable('operations')
        .set({ outcome: done.outcome, hub_key_blob: done.hub_key_blob, issued_chain: done.issued_chain })
        .where('registration_key', '=', done.registration_key)
        .where('seq', '<', done.seq)
        .where(sql<boolean>`state = 'done' AND outcome ->> '$.status' = 'assigned'`),
    ),
  };
}

function registrationStatements(db: Kysely<Tables>) {
  return {
    showStart: query((row: ShownStart) => {
      const shown = {
        status: 'assigning',
        etag: row.etag,
        updated_ms: row.updated_ms,
        group_key: row.group_key,
      } as const;
      return (
        db
          .insertInto('registrations')
          .values({ ...shown, key: row.key, id: row.id, created_ms: row.updated_ms })
          // Where it lived before stays known until the new place is written.
          .onConflict((conflict) => conflict.column('key').doUpdateSet(shown))
      );
    }),
    showAssigned: query((row: ShownAssigned) =>
      db
        .updateTable('registrations')
        .set({
          ...{ status: row.status, assigned_hub: row.assigned_hub, device_id: row.device_id, substatus: row.substatus },
          ...{ error_code: null, error_message: null, etag: row.etag, updated_ms: row.updated_ms },
        })
        .where('key', '=', row.key),
    ),
    showFailed: query((row: ShownFailed) =>
      db
        .updateTable('registrations')
        .set({
          ...{ status: row.status, substatus: null, error_code: row.error_code, error_message: row.error_message },
          ...{ etag: row.etag, updated_ms: row.updated_ms },
        })
        .where('key', '=', row.key),
    ),
  };
}

type Statements = ReturnType<typeof statements>;

export function operationQueries(db: Kysely<Tables>): Operations {
  const own = statements(db);
  const places = placesOver(db);
  return {
    start: (change, operation) => start(own, places, change, operation),
    byId(look, id) {
      const row = own.byId.first(look, { id });
      return row === undefined ? undefined : operationFromRow(row);
    },
    postpone(change, id, { dueMs, isWritten }) {
      own.postpone.run(change, { id, due_ms: dueMs, is_written: isWritten ? 1 : 0 });
    },
    finish: (change, finished) => {
      finish(own, places, change, finished);
    },
  };
}

/** The place is taken in the same commit, so that two devices never have one, whichever process they came to. */
function start(own: Statements, places: Places, db: WriteDb, operation: NewOperation): Operation {
  const { registrationId, etag, ...begun } = operation;
  const { registrationKey, createdMs, plan } = begun;
  const isFree = plan.is === 'refuse' || places.take(db, plan, registrationKey);
  const kept = isFree ? begun : { ...begun, plan: deviceIdTaken, hubKeyBlob: undefined, issuedChain: undefined };
  own.emptyOlder.run(db, { registration_key: registrationKey });
  own.insert.run(db, {
    id: kept.id,
    registration_key: registrationKey,
    proof: JSON.stringify(kept.proof),
    plan: JSON.stringify(kept.plan),
    hub_key_blob: kept.hubKeyBlob ?? null,
    group_id: kept.groupId ?? null,
    due_ms: createdMs,
    created_ms: createdMs,
    payload: kept.payload === undefined ? null : JSON.stringify(kept.payload),
    issued_chain: kept.issuedChain === undefined ? null : JSON.stringify(kept.issuedChain),
  });
  own.thin.run(db, { registration_key: registrationKey });
  own.showStart.run(db, {
    ...{ key: registrationKey, id: registrationId, etag, updated_ms: createdMs },
    group_key: kept.groupId === undefined ? null : keyOf(kept.groupId),
  });
  return { ...kept, state: 'assigning', outcome: undefined, attempts: 0, isWritten: false };
}

const deviceIdTaken: Plan = {
  is: 'refuse',
  errorCode: registrationErrors.deviceIdTaken.code,
  errorMessage: registrationErrors.deviceIdTaken.message,
};

function finish(own: Statements, places: Places, db: WriteDb, finished: FinishedOperation): void {
  const { outcome, etag, nowMs } = finished;
  const row = own.pending.first(db, { id: finished.id });
  if (row === undefined) return;
  const key = row.registration_key;
  // The blob is for the TPM alone; it and the certificate are of use only where the device was assigned.
  const isAssigned = outcome.status === 'assigned';
  const given = isAssigned ? row : { hub_key_blob: null, issued_chain: null };
  const done = {
    ...{ outcome: JSON.stringify(outcome), finished_ms: nowMs, registration_key: key, seq: row.seq },
    ...{ hub_key_blob: given.hub_key_blob, issued_chain: given.issued_chain },
  };
  if (isAssigned) own.renewOlder.run(db, done);
  own.finish.run(db, done);
  const hasNewer = own.newer.first(db, { registration_key: key }) !== undefined;
  const shown = { key, status: hasNewer ? 'assigning' : outcome.status, etag, updated_ms: nowMs } as const;
  if (outcome.status === 'failed') {
    own.showFailed.run(db, { ...shown, error_code: outcome.errorCode, error_message: outcome.errorMessage });
  } else {
    const { assignedHub, deviceId, substatus } = outcome;
    own.showAssigned.run(db, { ...shown, assigned_hub: assignedHub, device_id: deviceId, substatus });
  }
  // A newer one has taken its own place, and tidies up when it ends.
  if (!hasNewer && finished.keepsPlace !== true) places.leaveOthers(db, key);
}

/**
 * Without what the devices sent along and what was issued to them: the hub has been chosen, and thousands may wait with up
 * to 96 kB each.
 * Literal: the index is of what is under way alone, and a bound value would not tell that it fits.
 */
export async function pendingOperations(
  db: Kysely<Tables>,
  nowMs: number,
  limit: number,
): Promise<readonly Operation[]> {
  const rows = await db
    .selectFrom('operations as o')
    .select([
      ...(['id', 'registration_key', 'state', 'proof', 'plan', 'hub_key_blob', 'group_id', 'outcome'] as const),
      ...(['attempts', 'due_ms', 'created_ms', 'finished_ms', 'is_written'] as const),
    ])
    .where(sql<boolean>`o.state = 'assigning'`)
    .where('due_ms', '<=', nowMs)
    .where(
      sql<boolean>`NOT EXISTS (SELECT 1 FROM operations AS newer WHERE newer.state = 'assigning'
        AND newer.registration_key = o.registration_key AND newer.seq > o.seq)`,
    )
    // The sign keeps SQLite from walking all that is kept in this order: the index holds what is under way alone.
    .orderBy(sql`+o.seq`)
    .limit(limit)
    .execute();
  return rows.map((row) => operationFromRow({ ...row, payload: null, issued_chain: null }));
}

/** The newest are told by their number, which goes up by one: nothing is counted. */
export async function purgeOperations(db: Transaction<Tables>, old: OldOperations, limit: number): Promise<number> {
  const done = db
    .selectFrom('operations')
    .select('seq')
    .where(sql<boolean>`state = 'done'`);
  const byTime = done.where('finished_ms', '<', old.beforeMs).limit(limit);
  const aged = await db.deleteFrom('operations').where('seq', 'in', byTime).executeTakeFirst();
  const left = limit - Number(aged.numDeletedRows);
  if (left <= 0) return limit;
  const surplus = done
    .where(sql<boolean>`seq <= (SELECT max(seq) FROM operations) - ${old.keepNewest}`)
    .where('finished_ms', '<', old.surplusBeforeMs)
    .limit(left);
  const tooMany = await db.deleteFrom('operations').where('seq', 'in', surplus).executeTakeFirst();
  return limit - left + Number(tooMany.numDeletedRows);
}
