/** Operations and registrations: what a device's call and the worker's end of it write. */
import { sql, type Kysely, type Transaction } from 'kysely';
import type { FinishedOperation } from '../core/ports.ts';
import type { NewOperation, Operation } from '../core/records.ts';
import { operationFromRow } from './rows.ts';
import type { RegistrationRow, Tables } from './schema.ts';

export async function startOperation(db: Transaction<Tables>, operation: NewOperation): Promise<void> {
  await db
    .insertInto('operations')
    .values({
      id: operation.id,
      registration_key: operation.registrationKey,
      state: 'assigning',
      proof: JSON.stringify(operation.proof),
      plan: JSON.stringify(operation.plan),
      hub_key_blob: operation.hubKeyBlob ?? null,
      group_id: operation.groupId ?? null,
      outcome: null,
      attempts: 0,
      due_ms: operation.createdMs,
      created_ms: operation.createdMs,
      finished_ms: null,
      payload: operation.payload === undefined ? null : JSON.stringify(operation.payload),
      issued_chain: operation.issuedChain === undefined ? null : JSON.stringify(operation.issuedChain),
    })
    .execute();
  const group_key = operation.groupId?.toLowerCase() ?? null;
  const shown = { status: 'assigning', etag: operation.etag, updated_ms: operation.createdMs, group_key } as const;
  await db
    .insertInto('registrations')
    .values({
      ...shown,
      key: operation.registrationKey,
      id: operation.registrationId,
      created_ms: operation.createdMs,
    })
    // Where it lived before stays known until the new place is written.
    .onConflict((conflict) => conflict.column('key').doUpdateSet(shown))
    .execute();
}

export async function pendingOperations(
  db: Kysely<Tables>,
  nowMs: number,
  limit: number,
): Promise<readonly Operation[]> {
  const rows = await db
    .selectFrom('operations as o')
    .selectAll()
    .where('state', '=', 'assigning')
    .where('due_ms', '<=', nowMs)
    .where((older) =>
      older.not(
        older.exists(
          older
            .selectFrom('operations as newer')
            .select('newer.seq')
            .where('newer.state', '=', 'assigning')
            .whereRef('newer.registration_key', '=', 'o.registration_key')
            .whereRef('newer.seq', '>', 'o.seq'),
        ),
      ),
    )
    .orderBy('seq')
    .limit(limit)
    .execute();
  return rows.map(operationFromRow);
}

export async function finishOperation(db: Transaction<Tables>, finished: FinishedOperation): Promise<void> {
  const row = await db
    .selectFrom('operations')
    .select(['seq', 'registration_key', 'hub_key_blob'])
    .where('id', '=', finished.id)
    .where('state', '=', 'assigning')
    .executeTakeFirst();
  if (row === undefined) return;
  await db
    .updateTable('operations')
    .set({
      state: 'done',
      outcome: JSON.stringify(finished.outcome),
      // It held the hub's key in the clear; the blob is for the TPM alone.
      plan: null,
      hub_key_blob: finished.outcome.status === 'assigned' ? row.hub_key_blob : null,
      finished_ms: finished.nowMs,
    })
    .where('registration_key', '=', row.registration_key)
    .where('state', '=', 'assigning')
    .where('seq', '<=', row.seq)
    .execute();
  const newer = await db
    .selectFrom('operations')
    .select(sql<number>`1`.as('one'))
    .where('registration_key', '=', row.registration_key)
    .where('state', '=', 'assigning')
    .executeTakeFirst();
  await db
    .updateTable('registrations')
    .set({ ...shownOutcome(finished, newer !== undefined), etag: finished.etag, updated_ms: finished.nowMs })
    .where('key', '=', row.registration_key)
    .execute();
}

function shownOutcome(finished: FinishedOperation, hasNewer: boolean): Partial<RegistrationRow> {
  const { outcome } = finished;
  const status = hasNewer ? 'assigning' : outcome.status;
  if (outcome.status === 'failed') {
    return { status, substatus: null, error_code: outcome.errorCode, error_message: outcome.errorMessage };
  }
  const { assignedHub, deviceId, substatus } = outcome;
  return { status, assigned_hub: assignedHub, device_id: deviceId, substatus, error_code: null, error_message: null };
}
