import { describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import type { RegistrationId } from '../../src-main/station/batches/model.ts';
import type { PassRecord } from '../../src-main/station/bench/ports.ts';
import type { StoreOperations } from '../../src-main/station/queue/store.ts';
import { chainOf, codeOf, eventsOf, newStore, openedBatch, passUnit } from './store-fixtures.ts';
import { claimsOf, run, startMs, startOf, tpmPass, x509Pass } from './store-units.ts';

const order = (unitId: string) => ({ unitId, reason: 'mainboard was changed', by: 'Sam' });

function passed(ops: StoreOperations, record: PassRecord) {
  const batch = openedBatch(ops);
  passUnit(ops, batch, record, 'SN1');
  const [unit] = must(ops.listUnits({ limit: 1 })).items;
  return { batch, unitId: unit?.unitId ?? '' };
}

function passAgain(ops: StoreOperations, batch: Parameters<typeof startOf>[0], record: PassRecord, runId = 'again') {
  must(ops.begin(startOf(batch, 'SN1', runId)));
  must(ops.claim(run(runId), claimsOf(record)));
  must(ops.pass(run(runId), record));
}

/** All that is due goes out. */
function send(ops: StoreOperations) {
  const taken = must(ops.outboxTake(10));
  must(ops.outboxSettle(taken.map(({ entryId }) => ({ entryId, outcome: { at: 'sent' } }))));
  return taken.map(({ key, act, body }) => ({ key, act, body: JSON.parse(body) as Record<string, unknown> }));
}

describe('rework', () => {
  it('opens a unit that passed for another run, and keeps what it was', async () => {
    const { ops, file } = newStore();
    const { batch, unitId } = passed(ops, tpmPass('SN1', startMs + 5_000));
    expect(codeOf(ops.begin(startOf(batch, 'SN1', 'early')))).toBe('unit-already-passed');
    expect(must(ops.rework(order(unitId)))).toMatchObject({
      ...{ state: 'interrupted', fault: { code: 'unit-reworked' } },
      rework: { reason: 'mainboard was changed', by: 'Sam', count: 1 },
    });
    expect(must(ops.unitHistory(unitId))).toMatchObject({
      runs: [{ number: 1, verdict: 'pass' }],
      superseded: [{ reason: 'mainboard was changed', by: 'Sam', registrationId: 'reg-sn1', fingerprint: 'ek-SN1' }],
    });
    expect(eventsOf(file, 'unit.reworked')).toMatchObject([{ unitId, fingerprint: 'ek-SN1', state: 'passed' }]);
    expect(must(ops.batchView(batch.batchId)).counts).toMatchObject({ passed: 0, failed: 1 });
    expect(must(ops.begin(startOf(batch, 'SN1', 'again'))).runNumber).toBe(2);
    expect((await chainOf(ops)).ok).toBe(true);
  });

  it('is refused for a unit that has not passed, that is in work, or that nobody knows', () => {
    const { ops } = newStore();
    const { unitId } = must(ops.begin(startOf(openedBatch(ops), 'SN1')));
    expect(codeOf(ops.rework(order(unitId)))).toBe('unit-in-work');
    const { fault } = { fault: { code: 'cable-out', say: '', hint: '' } };
    must(ops.end(run('run-SN1'), { verdict: 'error', phase: 'connect', fault, endedMs: startMs }));
    expect(codeOf(ops.rework(order(unitId)))).toBe('unit-not-passed');
    expect(codeOf(ops.rework(order('nobody')))).toBe('unit-unknown');
  });

  it('replaces the certificate at the service under the same registration id', () => {
    const test = newStore();
    test.nowMs = startMs + 60_000;
    const { ops } = test;
    const { batch, unitId } = passed(ops, x509Pass('SN1'));
    expect(send(ops)).toMatchObject([{ key: 'sn1', act: 'create' }]);
    must(ops.rework(order(unitId)));
    const second = { ...x509Pass('SN1', startMs + 9_000), fingerprint: 'leaf-2', certificateChain: 'SECOND' };
    passAgain(ops, batch, second);
    expect(must(ops.unitView(unitId))).toMatchObject({ state: 'passed', fingerprint: 'leaf-2' });
    const [entry, ...others] = send(ops);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ key: 'sn1', act: 'replace' });
    expect(JSON.stringify(entry?.body)).toContain('SECOND');
    expect(must(ops.unitView(unitId)).state).toBe('enrolled');
  });

  it('enrolls a new TPM, and disables what the old one was', () => {
    const test = newStore();
    test.nowMs = startMs + 60_000;
    const { ops, file } = test;
    const { batch, unitId } = passed(ops, tpmPass('SN1'));
    send(ops);
    must(ops.rework(order(unitId)));
    const second = {
      ...{ ...tpmPass('SN1', startMs + 9_000), fingerprint: 'ek-2', endorsementKey: 'AToC' },
      registrationId: 'reg-2' as RegistrationId,
    };
    passAgain(ops, batch, second);
    expect(send(ops)).toMatchObject([
      { key: 'reg-sn1', act: 'disable', body: { provisioningStatus: 'disabled' } },
      { key: 'reg-2', act: 'create', body: { provisioningStatus: 'enabled' } },
    ]);
    expect(eventsOf(file, 'enrollment.disabled')).toEqual([{ kind: 'individual', key: 'reg-sn1' }]);
    expect(must(ops.unitView(unitId))).toMatchObject({ state: 'enrolled', registrationId: 'reg-2' });
    // Its old key stays its own: another unit with it is stopped.
    must(ops.begin(startOf(batch, 'SN2')));
    expect(codeOf(ops.claim(run('run-SN2'), [{ kind: 'ek', value: 'ek-SN1' }]))).toBe('identity-taken');
  });

  it('sends nothing where the same TPM passes again, and goes back to an older one by replacing', () => {
    const test = newStore();
    test.nowMs = startMs + 60_000;
    const { ops } = test;
    const { batch, unitId } = passed(ops, tpmPass('SN1'));
    send(ops);
    must(ops.rework(order(unitId)));
    passAgain(ops, batch, tpmPass('SN1', startMs + 9_000));
    expect(must(ops.unitView(unitId)).state).toBe('enrolled');
    expect(send(ops)).toEqual([]);
    must(ops.rework(order(unitId)));
    const other = {
      ...tpmPass('SN1', startMs + 19_000),
      fingerprint: 'ek-2',
      registrationId: 'reg-2' as RegistrationId,
    };
    passAgain(ops, batch, other, 'third');
    send(ops);
    must(ops.rework(order(unitId)));
    passAgain(ops, batch, tpmPass('SN1', startMs + 29_000), 'fourth');
    expect(send(ops)).toMatchObject([
      { key: 'reg-sn1', act: 'replace', body: { provisioningStatus: 'enabled' } },
      { key: 'reg-2', act: 'disable' },
    ]);
    expect(must(ops.unitView(unitId)).rework?.count).toBe(3);
  });

  it('sends the new body of an entry that was on its way', () => {
    const test = newStore();
    test.nowMs = startMs + 60_000;
    const { ops } = test;
    const { batch, unitId } = passed(ops, x509Pass('SN1'));
    const [taken] = must(ops.outboxTake(10));
    must(ops.rework(order(unitId)));
    passAgain(ops, batch, { ...x509Pass('SN1', startMs + 9_000), certificateChain: 'SECOND' });
    must(ops.outboxSettle([{ entryId: taken?.entryId ?? 0, outcome: { at: 'sent' } }]));
    expect(must(ops.unitView(unitId)).state).toBe('passed');
    expect(send(ops)).toMatchObject([{ key: 'sn1', act: 'replace' }]);
  });
});
