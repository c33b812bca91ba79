/** Irreversible acts on a unit: each is on disk before the unit is touched, and says afterwards what became of it. */
import { type Result, ok } from '../../lib/base/result.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import type { Step } from '../../contract/recovery-views.ts';
import type { RunId } from '../batches/model.ts';
import type { Holding, Intent, RunBegun } from '../bench/ports.ts';
import type { StoreContext } from './context.ts';
import { openRun } from './rows.ts';

// Five steps a run; a unit that failed this often before a step closed has others' attention already.
const maxKeptIntents = 32;

interface IntentRow {
  readonly step: Step;
  readonly request_id: string;
  readonly sha256: string | null;
  readonly content: Uint8Array | null;
}

/** What earlier runs of the unit leave to its next one. */
export function intentsOf(db: ReadDb, unit: number): Pick<RunBegun, 'open' | 'done' | 'holdings'> {
  return {
    open: intentsWhere(db, unit, 'closed_ms IS NULL'),
    done: intentsWhere(db, unit, `outcome = 'done' AND spent_ms IS NULL`),
    holdings: db.all<Holding>(
      `SELECT step, sha256 FROM intents WHERE unit = ? AND sha256 IS NOT NULL AND outcome IS NOT 'refused'
        GROUP BY step, sha256 ORDER BY max(seq) DESC LIMIT ?`,
      ...[unit, maxKeptIntents],
    ),
  };
}

/** Newest first, each request once: a later run repeats the request of an earlier one. */
function intentsWhere(db: ReadDb, unit: number, condition: string): readonly Intent[] {
  const rows = db.all<IntentRow>(
    `SELECT step, request_id, sha256, content FROM intents WHERE unit = ? AND ${condition} ORDER BY seq DESC LIMIT ?`,
    ...[unit, maxKeptIntents],
  );
  const once = new Map<string, Intent>();
  for (const { step, request_id: requestId, sha256, content } of rows) {
    const key = `${step} ${requestId}`;
    const kept = content === null ? {} : { content: new Uint8Array(content) };
    if (!once.has(key)) once.set(key, { step, requestId, ...(sha256 === null ? {} : { sha256 }), ...kept });
  }
  return Array.from(once.values());
}

export function intend(context: StoreContext, runId: RunId, intent: Intent): Result<void> {
  return context.write((db) => {
    const run = openRun(db, runId);
    if (!run.ok) return run;
    const { step, requestId, sha256, content } = intent;
    db.run(
      `INSERT INTO intents (run, unit, step, request_id, sha256, content, intended_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (run, step, request_id) DO UPDATE SET sha256 = excluded.sha256, content = excluded.content`,
      ...[run.value.seq, run.value.unit, step, requestId, sha256 ?? null, content ?? null, context.nowMs()],
    );
    return ok();
  });
}

/**
 * Closes every open intent of the unit for this step: the device now holds what the last one wrote. Those that were
 * never answered for are refused as far as the unit is concerned: a later one took their place.
 */
export function fulfil(context: StoreContext, runId: RunId, intent: Intent, outcome: 'done' | 'refused'): Result<void> {
  return context.write((db) => {
    const run = openRun(db, runId);
    if (!run.ok) return run;
    const { unit } = run.value;
    db.run(
      `UPDATE intents SET outcome = ? WHERE unit = ? AND step = ? AND request_id = ? AND closed_ms IS NULL`,
      ...[outcome, unit, intent.step, intent.requestId],
    );
    db.run(
      'UPDATE intents SET closed_ms = ? WHERE unit = ? AND step = ? AND closed_ms IS NULL',
      ...[context.nowMs(), unit, intent.step],
    );
    return ok();
  });
}

/** What was done belongs to a verdict now: the unit's next run does it anew. */
export function spendIntents(db: WriteDb, unit: number, nowMs: number): void {
  db.run('UPDATE intents SET spent_ms = ? WHERE unit = ? AND closed_ms IS NOT NULL AND spent_ms IS NULL', nowMs, unit);
}
