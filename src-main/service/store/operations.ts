/** Operations and registrations: what a device's call and the worker's end of it write. */
import { sql, type Kysely, type Transaction } from 'kysely';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import { registrationErrors } from '../core/faults.ts';
import type { FinishedOperation, OldOperations } from '../core/ports.ts';
import { keyOf, type NewOperation, type Operation, type Plan } from '../core/records.ts';
import { placesOver, type Places } from './places.ts';
import { query } from './queries.ts';
import { operationFromRow } from './rows.ts';
import type { OperationRow, RegistrationRow, Tables } from './schema.ts';

export interface Operations {
  /** As it was kept. */
  start(db: WriteDb, operation: NewOperation): Operation;
  byId(db: ReadDb, id: string): Operation | undefined;
  postpone(db: WriteDb, id: string, dueMs: number): void;
  finish(db: WriteDb, finished: FinishedOperation): void;
}

type NewRow = Omit<OperationRow, 'seq' | 'state' | 'outcome' | 'attempts' | 'finished_ms'>;
type ShownStart = Pick<RegistrationRow, 'key' | 'id' | 'etag' | 'updated_ms' | 'group_key'>;
type Done = Pick<OperationRow, 'outcome' | 'hub_key_blob' | 'finished_ms' | 'registration_key'> & { seq: number };
type ShownAssigned = Pick<
  RegistrationRow,
  'key' | 'status' | 'assigned_hub' | 'device_id' | 'substatus' | 'etag' | 'updated_ms'
>;
type ShownFailed = Pick<RegistrationRow, 'key' | 'status' | 'error_code' | 'error_message' | 'etag' | 'updated_ms'>;
type PendingRow = { seq: number; registration_key: string; hub_key_blob: string | null };

function statements(db: Kysely<Tables>) {
  return { ...operationStatements(db), ...registrationStatements(db) };
}

function operationStatements(db: Kysely<Tables>) {
  return {
    insert: query((row: NewRow) =>
      db.insertInto('operations').values({
        ...{ id: row.id, registration_key: row.registration_key, state: 'assigning', proof: row.proof },
        ...{ plan: row.plan, hub_key_blob: row.hub_key_blob, group_id: row.group_id, outcome: null, attempts: 0 },
        ...{ due_ms: row.due_ms, created_ms: row.created_ms, finished_ms: null },
        ...{ payload: row.payload, issued_chain: row.issued_chain },
      }),
    ),
    byId: query(({ id }: { readonly id: string }) => db.selectFrom('operations').selectAll().where('id', '=', id)),
    pending: query<{ readonly id: string }, PendingRow>(({ id }) =>
      db
        .selectFrom('operations')
        .select(['seq', 'registration_key', 'hub_key_blob'])
        .where('id', '=', id)
        .where(sql<boolean>`state = 'assigning'`),
    ),
    finish: query((done: Done) =>
      db
        .updateTable('operations')
        // The plan held the hub's key in the clear.
        .set({
          state: 'done',
          plan: null,
          outcome: done.outcome,
          hub_key_blob: done.hub_key_blob,
          finished_ms: done.finished_ms,
        })
        .where('registration_key', '=', done.registration_key)
        // Literal: the index is of these alone, and a bound value would not tell that it fits.
        .where(sql<boolean>`state = 'assigning'`)
        .where('seq', '<=', done.seq),
    ),
    postpone: query(({ id, due_ms }: { readonly id: string; readonly due_ms: number }) =>
      db
        .updateTable('operations')
        .set((row) => ({ due_ms, attempts: row('attempts', '+', 1) }))
        .where('id', '=', id)
        .where('state', '=', 'assigning'),
    ),
    newer: query((of: { readonly registration_key: string }) =>
      db
        .selectFrom('operations')
        .select('seq')
        .where('registration_key', '=', of.registration_key)
        .where(sql<boolean>`state = 'assigning'`)
        .limit(1),
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
    postpone(change, id, dueMs) {
      own.postpone.run(change, { id, due_ms: dueMs });
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
  own.showStart.run(db, {
    ...{ key: registrationKey, id: registrationId, etag, updated_ms: createdMs },
    group_key: kept.groupId === undefined ? null : keyOf(kept.groupId),
  });
  return { ...kept, state: 'assigning', outcome: undefined, attempts: 0 };
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
  // The blob is for the TPM alone, and of use to it only where it was assigned.
  const blob = outcome.status === 'assigned' ? row.hub_key_blob : null;
  const done = { outcome: JSON.stringify(outcome), hub_key_blob: blob, finished_ms: nowMs };
  own.finish.run(db, { ...done, registration_key: key, seq: row.seq });
  const hasNewer = own.newer.first(db, { registration_key: key }) !== undefined;
  const shown = { key, status: hasNewer ? 'assigning' : outcome.status, etag, updated_ms: nowMs } as const;
  if (outcome.status === 'failed') {
    own.showFailed.run(db, { ...shown, error_code: outcome.errorCode, error_message: outcome.errorMessage });
  } else {
    const { assignedHub, deviceId, substatus } = outcome;
    own.showAssigned.run(db, { ...shown, assigned_hub: assignedHub, device_id: deviceId, substatus });
  }
  // A newer one has taken its own place, and tidies up when it ends.
  if (!hasNewer) places.leaveOthers(db, key);
}

/** Literal: the index is of what is under way alone, and a bound value would not tell that it fits. */
export async function pendingOperations(
  db: Kysely<Tables>,
  nowMs: number,
  limit: number,
): Promise<readonly Operation[]> {
  const rows = await db
    .selectFrom('operations as o')
    .selectAll()
    .where(sql<boolean>`o.state = 'assigning'`)
    .where('due_ms', '<=', nowMs)
    .where(
      sql<boolean>`NOT EXISTS (SELECT 1 FROM operations AS newer WHERE newer.state = 'assigning'
        AND newer.registration_key = o.registration_key AND newer.seq > o.seq)`,
    )
    .orderBy('seq')
    .limit(limit)
    .execute();
  return rows.map(operationFromRow);
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
