/** A unit that never passed, and whose batch was closed, goes on in the batch that is worked on now. */
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { BatchId } from '../batches/model.ts';
import type { RunStart } from '../bench/ports.ts';
import { appendEvent } from './events.ts';
import { type BatchRow, type UnitRow, batchBySeq } from './rows.ts';

export function mayMove(db: ReadDb, unit: UnitRow): boolean {
  return unit.passed_ms === null && batchBySeq(db, unit.batch).state === 'closed';
}

/**
 * Its runs stay with the batch they belong to. The caller begins a run, which sets the unit's state again. Gives the
 * batch it came from.
 */
export function moveUnit(db: WriteDb, unit: UnitRow, to: BatchRow, start: RunStart): BatchId {
  const from = batchBySeq(db, unit.batch);
  appendEvent(db, start.startedMs, {
    kind: 'unit.moved',
    actor: start.operator,
    body: { unitId: unit.unit_id, fromBatchId: from.batch_id, batchId: to.batch_id },
  });
  // The triggers count a unit where its row says it is: out of the one batch first, into the other with its state.
  db.run(`UPDATE units SET state = 'failed', had_verdict = 0 WHERE seq = ?`, unit.seq);
  db.run(`UPDATE units SET state = 'interrupted', batch = ? WHERE seq = ?`, to.seq, unit.seq);
  return from.batch_id;
}
