import { describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { faultMaker } from '../../src-main/lib/base/fault.ts';
import BetterSqlite from 'better-sqlite3';
import { codeOf, newStore, openedBatch, passUnit } from './store-fixtures.ts';
import { run, someTerms, startMs, startOf, tpmPass, x509Pass } from './store-units.ts';

const busy = faultMaker({ busy: { say: 'Busy.', hint: 'Wait.' } })('busy');

describe('batches', () => {
  it('are listed newest first; the opened one is selected until another is', () => {
    const { ops } = newStore();
    const first = openedBatch(ops, { name: 'A' });
    const second = openedBatch(ops, { name: 'B' });
    expect(must(ops.listBatches()).map((batch) => batch.terms.name)).toEqual(['B', 'A']);
    expect(must(ops.settings()).selectedBatchId).toBe(second.batchId);
    must(ops.selectBatch(first.batchId, 'Toni'));
    expect(must(ops.settings()).selectedBatchId).toBe(first.batchId);
  });

  it('of an earlier version, opened before there were device profiles, are of the one kind there was', () => {
    const { ops, file } = newStore();
    const { batchId } = openedBatch(ops, { deviceProfile: 'tpm-tunnel' });
    expect(must(ops.batchView(batchId)).terms.deviceProfile).toBe('tpm-tunnel');
    const outside = new BetterSqlite(file);
    outside.exec("UPDATE batches SET terms = json_remove(terms, '$.deviceProfile')");
    outside.close();
    expect(must(ops.openedBatch(batchId)).terms).toEqual(someTerms());
    expect(must(ops.listBatches())[0]?.terms.deviceProfile).toBe('bench-link');
  });

  it('close once and cannot be selected then', () => {
    const test = newStore();
    const { batchId } = openedBatch(test.ops);
    const closed = must(test.ops.closeBatch(batchId, 'Sam'));
    expect(closed).toMatchObject({ state: 'closed', closedMs: startMs });
    test.nowMs += 1_000;
    expect(must(test.ops.closeBatch(batchId, 'Sam'))).toEqual(closed);
    expect(codeOf(test.ops.selectBatch(batchId, 'Sam'))).toBe('batch-closed');
    expect(codeOf(test.ops.closeBatch('none', 'Sam'))).toBe('batch-unknown');
  });

  it('are refused before they open when a unit would fail by them', () => {
    const { ops } = newStore();
    expect(codeOf(ops.openBatch({ terms: someTerms(), openedBy: 'Sam' }))).toBe('batch-needs-signer');
    expect(codeOf(ops.openBatch({ terms: someTerms({ serialPattern: '(' }), openedBy: 'Sam' }))).toBe(
      'serial-pattern-malformed',
    );
    expect(must(ops.listBatches())).toEqual([]);
  });

  it('of one number open once', () => {
    const { ops } = newStore();
    const order = { batchId: 'b-1', terms: someTerms({ attestation: 'tpm' }), openedBy: 'Sam' };
    must(ops.openBatch(order));
    expect(codeOf(ops.openBatch(order))).toBe('batch-repeated');
  });
});

describe('the outbox', () => {
  it('gives the oldest due entries first and holds back the ones that wait', () => {
    const test = newStore();
    const batch = openedBatch(test.ops);
    for (const n of [3, 1, 2]) passUnit(test.ops, batch, tpmPass(`SN${n}`, startMs + n * 1_000), `SN${n}`);
    expect(must(test.ops.outboxTake(10))).toEqual([]);
    test.nowMs = startMs + 2_000;
    const [oldest, next] = must(test.ops.outboxTake(10));
    expect([oldest?.key, next?.key]).toEqual(['reg-sn1', 'reg-sn2']);
    const dueMs = startMs + 60_000;
    must(test.ops.outboxSettle([{ entryId: oldest?.entryId ?? 0, outcome: { at: 'pending', dueMs, fault: busy } }]));
    test.nowMs = startMs + 10_000;
    expect(must(test.ops.outboxTake(10)).map((entry) => entry.key)).toEqual(['reg-sn3']);
    expect(must(test.ops.outboxCounts())).toEqual({ pending: 1, sending: 2, sent: 0, parked: 0, nextDueMs: dueMs });
  });

  it('is pending again after a process that was sending died', () => {
    const test = newStore();
    passUnit(test.ops, openedBatch(test.ops), tpmPass('SN1'), 'SN1');
    test.nowMs += 9_000;
    expect(must(test.ops.outboxTake(10))).toMatchObject([{ attempts: 1 }]);
    expect(must(test.ops.outboxTake(10))).toEqual([]);
    must(test.ops.outboxRelease());
    expect(must(test.ops.outboxTake(10))).toMatchObject([{ attempts: 2 }]);
  });

  it('keeps a parked entry with its reason until a person sends it again', () => {
    const test = newStore();
    const batch = openedBatch(test.ops);
    passUnit(test.ops, batch, tpmPass('SN1'), 'SN1');
    test.nowMs += 9_000;
    const entryId = must(test.ops.outboxTake(1))[0]?.entryId ?? 0;
    must(test.ops.outboxSettle([{ entryId, outcome: { at: 'parked', fault: busy } }]));
    expect(must(test.ops.listOutbox({ limit: 10, state: 'parked' }))).toMatchObject({
      total: 1,
      items: [{ entryId, key: 'reg-sn1', serialNumber: 'SN1', fault: busy }],
    });
    expect(must(test.ops.batchView(batch.batchId)).counts.parked).toBe(1);
    expect(must(test.ops.outboxTake(10))).toEqual([]);
    expect(must(test.ops.retryOutbox(entryId, 'Sam'))).toMatchObject({ state: 'pending', fault: busy });
    expect(codeOf(test.ops.retryOutbox(entryId, 'Sam'))).toBe('outbox-not-parked');
    expect(codeOf(test.ops.retryOutbox(99, 'Sam'))).toBe('outbox-unknown');
    expect(must(test.ops.outboxTake(10))).toMatchObject([{ entryId, attempts: 2 }]);
    expect(must(test.ops.batchView(batch.batchId)).counts.parked).toBe(0);
  });

  it('never takes a sent entry back', () => {
    const test = newStore();
    passUnit(test.ops, openedBatch(test.ops), tpmPass('SN1'), 'SN1');
    test.nowMs += 9_000;
    const entryId = must(test.ops.outboxTake(1))[0]?.entryId ?? 0;
    must(test.ops.outboxSettle([{ entryId, outcome: { at: 'sent' } }]));
    must(test.ops.outboxSettle([{ entryId, outcome: { at: 'pending', dueMs: 0, fault: busy } }]));
    must(test.ops.outboxRelease());
    expect(must(test.ops.outboxTake(10))).toEqual([]);
    expect(must(test.ops.listUnits({ limit: 1 })).items).toMatchObject([{ state: 'enrolled', enrolledMs: test.nowMs }]);
  });
});

it('does not wait for entries and looks that a clock set back left far in the future', () => {
  const test = newStore();
  const batch = openedBatch(test.ops);
  for (const n of [1, 2]) passUnit(test.ops, batch, tpmPass(`SN${n}`), `SN${n}`);
  test.nowMs += 9_000;
  const [entry] = must(test.ops.outboxTake(1));
  must(test.ops.outboxSettle([{ entryId: entry?.entryId ?? 0, outcome: { at: 'sent' } }]));
  test.nowMs -= 86_400_000;
  expect([must(test.ops.outboxTake(9)), must(test.ops.lifeDue(9))]).toEqual([[], []]);
  must(test.ops.outboxRelease());
  expect([must(test.ops.outboxTake(9)), must(test.ops.lifeDue(9))]).toMatchObject([
    [{ key: 'reg-sn2' }],
    [{ registrationId: 'reg-sn1' }],
  ]);
});

describe('a unit’s life', () => {
  it('goes on from enrolled to registered to seen, and is awaited no longer', () => {
    const test = newStore();
    const batch = openedBatch(test.ops, { enrollmentKind: 'group' });
    passUnit(test.ops, batch, x509Pass('SN1'), 'SN1');
    test.nowMs += 9_000;
    expect(must(test.ops.lifeDue(10))).toEqual([]);
    must(test.ops.outboxTake(1));
    must(test.ops.outboxSettle([{ entryId: 1, outcome: { at: 'sent' } }]));
    const [due] = must(test.ops.lifeDue(10));
    expect(due).toMatchObject({ state: 'enrolled', registrationId: 'sn1' });
    const unitId = due?.unitId ?? must(test.ops.unitView('')).unitId;
    const later = { unitId: unitId as NonNullable<typeof due>['unitId'], nextLookMs: test.nowMs + 5_000 };
    must(test.ops.lifeSettle([{ ...later, at: 'waiting' }]));
    expect(must(test.ops.lifeDue(10))).toEqual([]);
    test.nowMs += 5_000;
    must(test.ops.lifeSettle([{ ...later, at: 'registered', hub: 'hub-a', deviceId: 'sn1', atMs: test.nowMs }]));
    expect(must(test.ops.lifeDue(10))).toMatchObject([{ state: 'registered', hub: 'hub-a', sinceMs: test.nowMs }]);
    must(test.ops.lifeSettle([{ ...later, at: 'seen', atMs: test.nowMs + 1 }]));
    test.nowMs += 1e9;
    expect(must(test.ops.lifeDue(10))).toEqual([]);
    expect(must(test.ops.unitView(unitId))).toMatchObject({ state: 'seen', hub: 'hub-a', seenMs: startMs + 14_001 });
    expect(must(test.ops.batchView(batch.batchId)).counts).toMatchObject({
      passed: 1,
      enrolled: 1,
      registered: 1,
      seen: 1,
    });
  });
});

describe('lists of units', () => {
  it('filter by batch, state and the beginning of a serial number or registration id', () => {
    const { ops } = newStore();
    const a = openedBatch(ops, { name: 'A' });
    const b = openedBatch(ops, { name: 'B' });
    passUnit(ops, a, tpmPass('SN10'), 'SN10');
    passUnit(ops, b, tpmPass('SN11'), 'SN11');
    must(ops.begin(startOf(b, 'SN12')));
    const serials = (query: object) =>
      must(ops.listUnits({ limit: 9, ...query })).items.map((unit) => unit.serialNumber);
    expect(serials({ batchId: b.batchId })).toEqual(['SN12', 'SN11']);
    expect(serials({ state: 'passed' })).toEqual(['SN11', 'SN10']);
    expect(serials({ batchId: b.batchId, state: 'passed' })).toEqual(['SN11']);
    expect(serials({ search: ' sn1 ' })).toEqual(['SN10', 'SN11', 'SN12']);
    expect(serials({ search: 'SN11' })).toEqual(['SN11']);
    expect(serials({ search: 'REG-sn1' })).toEqual(['SN10', 'SN11']);
    expect(serials({ search: 'reg-', batchId: b.batchId })).toEqual(['SN11']);
    expect(serials({ search: '%' })).toEqual([]);
    expect(codeOf(ops.listUnits({ limit: 9, batchId: 'none' }))).toBe('batch-unknown');
  });

  it('tell serial numbers apart that differ by capitals alone, also across pages', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    for (const name of ['SNa', 'sna', 'SNA', 'SNb']) must(ops.begin(startOf(batch, name)));
    const seen: string[] = [];
    for (let cursor: string | undefined, isMore = true; isMore; isMore = cursor !== undefined) {
      const page = must(ops.listUnits({ limit: 1, search: 'sn', ...(cursor === undefined ? {} : { cursor }) }));
      seen.push(...page.items.map((unit) => unit.serialNumber));
      cursor = page.next;
    }
    expect(seen).toEqual(['SNa', 'sna', 'SNA', 'SNb']);
  });

  it('refuse a cursor that is none', () => {
    const { ops } = newStore();
    expect(codeOf(ops.listUnits({ limit: 9, cursor: 'x' }))).toBe('cursor-malformed');
    expect(codeOf(ops.listUnits({ limit: 9, search: 'a', cursor: '3' }))).toBe('cursor-malformed');
    expect(codeOf(ops.listOutbox({ limit: 9, cursor: '-1' }))).toBe('cursor-malformed');
  });

  it('show each of 100,000 units once, page by page', () => {
    const test = newStore();
    const batch = openedBatch(test.ops, { quantity: 100_000 });
    const db = new BetterSqlite(test.file);
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
      INSERT INTO units (unit_id, batch, serial_number, state, registration_id, slot, operator, runs, first_run_ms)
      SELECT 'u' || i, 1, 'SN' || printf('%08d', i), CASE i % 5 WHEN 0 THEN 'failed' ELSE 'passed' END,
        'reg-' || i, 1, 'Toni', 1, i FROM n`);
    db.close();
    const walk = (query: object): readonly string[] => {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = must(test.ops.listUnits({ limit: 200, ...query, ...(cursor === undefined ? {} : { cursor }) }));
        seen.push(...page.items.map((unit) => unit.serialNumber));
        cursor = page.next;
      } while (cursor !== undefined);
      return seen;
    };
    const all = walk({ batchId: batch.batchId });
    expect(all).toHaveLength(100_000);
    expect(new Set(all).size).toBe(100_000);
    expect([all[0], all.at(-1)]).toEqual(['SN00100000', 'SN00000001']);
    expect(walk({ state: 'failed' })).toHaveLength(20_000);
    expect(walk({ search: 'sn0001' })).toHaveLength(10_000);
    expect(must(test.ops.listUnits({ limit: 1, state: 'failed' })).total).toBe(20_000);
    expect(must(test.ops.batchView(batch.batchId)).counts).toMatchObject({ passed: 80_000, failed: 20_000 });
  });
});

describe('the station’s settings', () => {
  it('hold the rules of the scanner once somebody set them', () => {
    const first = newStore();
    expect(must(first.ops.scanRules())).toBeUndefined();
    const rules = { rules: [], framePrefix: '~', frameSuffix: '', blankingMs: 500, readsGs1: false };
    must(first.ops.saveSettings({ scanRules: rules }, 'Toni'));
    first.store.close();
    expect(must(newStore(first.file).ops.scanRules())).toEqual(rules);
  });

  it('hold a station id from the first start on, and what a person sets', () => {
    const first = newStore();
    const { stationId } = must(first.ops.settings());
    expect(stationId).toMatch(/^station-[0-9a-f]{12}$/);
    must(first.ops.saveSettings({ operator: 'Toni', lastSeenMs: 5.4 }, 'Toni'));
    first.store.close();
    const second = newStore(first.file);
    expect(must(second.ops.settings())).toEqual({ stationId, operator: 'Toni', lastSeenMs: 5 });
  });
});

it('tells what a commit changed, and nothing of one that was rolled back', () => {
  const { ops, store } = newStore();
  const batch = openedBatch(ops);
  expect(store.takeChange()).toMatchObject({ batches: [batch.batchId], units: [], outbox: false });
  const begun = must(ops.begin(startOf(batch, 'SN1')));
  expect(store.takeChange()).toMatchObject({ units: [begun.unitId], batches: [batch.batchId] });
  expect(ops.pass(run('run-SN1'), tpmPass('SN1')).ok).toBe(false);
  expect(store.takeChange()).toBeUndefined();
});
