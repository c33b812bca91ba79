import { createHash } from 'node:crypto';
import BetterSqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { verifyPageEvents } from '../../src-main/station/queue/events.ts';
import { chainOf, newStore, openedBatch, passUnit } from './store-fixtures.ts';
import { tpmPass } from './store-units.ts';

const unprotected = 'DROP TRIGGER events_stay; DROP TRIGGER events_remain;';

function tampered(sql: string) {
  const { ops, file } = newStore();
  const batch = openedBatch(ops);
  for (const name of ['SN1', 'SN2', 'SN3']) passUnit(ops, batch, tpmPass(name), name);
  const outside = new BetterSqlite(file);
  outside.exec(unprotected + sql);
  outside.close();
  return chainOf(ops);
}

describe('the audit chain', () => {
  it('is whole after work, and its head is the newest event', async () => {
    const { ops } = newStore();
    passUnit(ops, openedBatch(ops), tpmPass('SN1'), 'SN1');
    const head = must(ops.chainHead());
    expect(must(await chainOf(ops))).toEqual({ events: head.seq, head: head.hash });
  });

  it('is computed as docs/operating.md says', () => {
    const { ops, file } = newStore();
    must(ops.appendEvent({ kind: 'a.b', actor: 'Zoë', body: { x: 1 } }));
    const outside = new BetterSqlite(file);
    const rows = outside.prepare('SELECT * FROM events ORDER BY seq').all() as Record<string, string | number>[];
    outside.close();
    let previous = '0'.repeat(64);
    for (const { seq, time_ms, kind, actor, body, hash } of rows) {
      const text = JSON.stringify([seq, time_ms, kind, actor, body, previous]);
      previous = createHash('sha256').update(text).digest('hex');
      expect(hash).toBe(previous);
    }
    expect(rows.at(-1)).toMatchObject({ kind: 'a.b', actor: 'Zoë', body: '{"x":1}' });
  });

  it.each([
    ['changed', "UPDATE events SET actor = 'Eve' WHERE seq = 3", 3],
    ['taken away', 'DELETE FROM events WHERE seq = 3', 3],
    ['cut off', 'DELETE FROM events WHERE seq > 4', 5],
    ['put elsewhere', 'UPDATE events SET seq = 99 WHERE seq = 3', 3],
    ['re-sealed alone', 'UPDATE events SET prev_hash = hash WHERE seq = 3', 3],
  ])('shows an event that was %s', async (_, sql, seq) => {
    expect(await tampered(sql)).toMatchObject({ ok: false, fault: { code: 'chain-broken', detail: { seq } } });
  });

  it('shows a pass that no event tells', async () => {
    const forged = `INSERT INTO runs (run_id, unit, batch, number, slot, operator, verdict, started_ms, event_seq)
      VALUES ('forged', 1, 1, 2, 1, 'Eve', 'pass', 1, 1)`;
    expect(await tampered(forged)).toMatchObject({ fault: { code: 'chain-broken' } });
  });

  it('cannot be changed by a slip', () => {
    const { file } = newStore();
    const outside = new BetterSqlite(file);
    expect(() => outside.exec("UPDATE events SET actor = 'Eve'")).toThrow('events stay');
    expect(() => outside.exec('DELETE FROM events')).toThrow('events stay');
    outside.close();
  });

  it('is walked over more than one page', async () => {
    const { ops } = newStore();
    for (let n = 0; n < verifyPageEvents + 5; n += 1)
      must(ops.appendEvent({ kind: 'x.y', actor: 'station', body: {} }));
    expect(must(await chainOf(ops)).events).toBe(verifyPageEvents + 6);
  });
});
