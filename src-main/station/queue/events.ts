/** The audit chain: every act of a person or of the station, each event sealed to the one before it. */
import { createHash } from 'node:crypto';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ReadDb, WriteDb } from '../../lib/sqlite/database.ts';
import { storeFault } from './faults.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export interface AuditEvent {
  /** `noun.past-participle`, such as `run.passed`. */
  readonly kind: string;
  /** A person's name, or `station`. */
  readonly actor: string;
  /** Facts, never a secret. */
  readonly body: Readonly<Record<string, JsonValue | undefined>>;
}

export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export interface EventRow {
  readonly seq: number;
  readonly time_ms: number;
  readonly kind: string;
  readonly actor: string;
  readonly body: string;
  readonly prev_hash: string;
  readonly hash: string;
}

export const stationActor = 'station';

/** What the first event is sealed to. */
export const genesisHash = '0'.repeat(64);

/**
 * SHA-256, lower-case hexadecimal, over the UTF-8 of the JSON array [seq, timeMs, kind, actor, body, prevHash] without
 * white space, where body is the text of the event's JSON as it is stored.
 */
function eventHash(event: Omit<EventRow, 'hash'>): string {
  const { seq, time_ms, kind, actor, body, prev_hash } = event;
  return sha256Hex(JSON.stringify([seq, time_ms, kind, actor, body, prev_hash]));
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

export function chainHead(db: ReadDb): ChainHead {
  return db.get<ChainHead>('SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1') ?? { seq: 0, hash: genesisHash };
}

/** Gives the event's number. */
export function appendEvent(db: WriteDb, timeMs: number, event: AuditEvent): number {
  const head = chainHead(db);
  const { kind, actor } = event;
  const unsealed = {
    seq: head.seq + 1,
    time_ms: Math.round(timeMs),
    kind,
    actor,
    body: JSON.stringify(event.body),
    prev_hash: head.hash,
  };
  db.run(
    'INSERT INTO events (seq, time_ms, kind, actor, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ...[unsealed.seq, unsealed.time_ms, unsealed.kind, unsealed.actor, unsealed.body],
    ...[unsealed.prev_hash, eventHash(unsealed)],
  );
  return unsealed.seq;
}

// About 2 MB of rows: some 20 ms of hashing, so that the store answers a bench in between.
export const verifyPageEvents = 2_000;

/** Checks one page of the chain; gives the last sound event, and whether more follow. */
export function verifyPage(db: ReadDb, from: ChainHead): Result<ChainHead & { readonly more: boolean }> {
  const rows = db.all<EventRow>(
    'SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?',
    ...[from.seq, verifyPageEvents],
  );
  let { seq, hash } = from;
  for (const row of rows) {
    if (row.seq !== seq + 1) return broken(seq + 1, 'it is missing');
    if (row.prev_hash !== hash) return broken(row.seq, 'it does not follow the event before it');
    if (row.hash !== eventHash(row)) return broken(row.seq, 'it was changed');
    ({ seq, hash } = row);
  }
  return ok({ seq, hash, more: rows.length === verifyPageEvents });
}

/**
 * The end of a chain can be cut off without a trace in the hashes; each pass must still be told by its event.
 * Checks one page of passes; gives the last one's number, or 0 when there are no more.
 */
export function verifyPasses(db: ReadDb, after: number): Result<number> {
  const rows = db.all<{ seq: number; run_id: string; told: string | null }>(
    `SELECT runs.seq, run_id, (SELECT json_extract(body, '$.runId') FROM events
      WHERE events.seq = event_seq AND kind = 'run.passed') AS told
      FROM runs WHERE verdict = 'pass' AND runs.seq > ? ORDER BY runs.seq LIMIT ?`,
    ...[after, verifyPageEvents],
  );
  const untold = rows.find((row) => row.told !== row.run_id);
  if (untold !== undefined) {
    return broken(chainHead(db).seq + 1, `the pass of run ${untold.run_id} is told by no event`);
  }
  return ok(rows.length === verifyPageEvents ? (rows.at(-1)?.seq ?? 0) : 0);
}

function broken(seq: number, reason: string): Result<never> {
  return failed(storeFault('chain-broken', { seq, reason }));
}
