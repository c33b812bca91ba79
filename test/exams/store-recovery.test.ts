import { describe, expect, it } from 'vitest';
import { faultMaker } from '../../src-main/lib/base/fault.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { EndRecord, Intent } from '../../src-main/station/bench/ports.ts';
import type { StoreOperations } from '../../src-main/station/queue/store.ts';
import { chainOf, codeOf, eventsOf, newStore, openedBatch } from './store-fixtures.ts';
import { claimsOf, run, startMs, startOf, tpmPass } from './store-units.ts';

const fault = faultMaker({
  'cable-out': { say: 'The cable is out.', hint: 'Plug it in.' },
  'holds-other': { say: 'It holds other settings.', hint: 'Set it aside.' },
});
const cut: EndRecord = {
  ...{ verdict: 'error', phase: 'write', fault: fault('cable-out'), endedMs: startMs + 1_000 },
  isCut: true,
};
const { isCut: _, ...unplugged } = cut;
const intent: Intent = { step: 'write-settings', requestId: 'q-1', sha256: 'aa' };

/** A unit that was cut with an open intent. */
function cutUnit(ops: StoreOperations, change: Partial<EndRecord> = cut, serialNumber = 'SN1') {
  const batch = openedBatch(ops);
  const start = startOf(batch, serialNumber);
  const { unitId } = must(ops.begin(start));
  must(ops.intend(start.runId, intent));
  must(ops.end(start.runId, { ...unplugged, ...change }));
  return { batch, unitId };
}

const again = { to: 'set-aside', reason: 'again', by: 'Sam' } as const;
const stateOf = (ops: StoreOperations) => must(ops.listRecoveries()).map(({ state }) => state);

describe('an interrupted unit', () => {
  it('is listed with how far it came and what is open, and is taken up by the station that was cut', () => {
    const { ops, file } = newStore();
    const { batch, unitId } = cutUnit(ops);
    expect(must(ops.listRecoveries())).toEqual([
      {
        ...{ unitId, runId: 'run-SN1', serialNumber: 'SN1', slot: 1, batchId: batch.batchId, phase: 'write' },
        ...{ interruptedMs: startMs + 1_000, open: ['write-settings'], state: 'waiting' },
      },
    ]);
    expect(must(ops.autoRecoveries())).toEqual([{ slot: 1, serialNumber: 'SN1', batchId: batch.batchId }]);
    expect(eventsOf(file, 'unit.interrupted')).toMatchObject([{ unitId, phase: 'write', open: ['write-settings'] }]);
  });

  it('is listed also when a cable was pulled in the middle of a write, and then waits for a person', () => {
    const { ops } = newStore();
    cutUnit(ops, unplugged);
    expect(must(ops.listRecoveries())).toMatchObject([{ state: 'waiting', fault: { code: 'cable-out' } }]);
    expect(must(ops.autoRecoveries())).toEqual([]);
  });

  it('is not listed when nothing was begun on it, or when the verdict is its own', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.end(run('run-SN1'), unplugged));
    must(ops.begin(startOf(batch, 'SN2')));
    must(ops.end(run('run-SN2'), { ...unplugged, verdict: 'fail' }));
    expect(must(ops.listRecoveries())).toEqual([]);
  });

  it('survives a station that is cut again in the middle of its recovery, as often as that happens', () => {
    const { ops } = newStore();
    const { batch } = cutUnit(ops);
    for (const again of ['second', 'third', 'fourth']) {
      expect(must(ops.autoRecoveries())).toHaveLength(1);
      must(ops.forgetRecoveries());
      expect(must(ops.begin(startOf(batch, 'SN1', again))).open).toEqual([intent]);
      expect(stateOf(ops)).toEqual(['asking']);
      must(ops.end(run(again), cut));
    }
    expect(must(ops.listRecoveries())).toMatchObject([{ state: 'waiting', runId: 'fourth' }]);
  });

  it('waits for a person once the station has tried, and is finished by a pass', async () => {
    const { ops, file } = newStore();
    const { batch, unitId } = cutUnit(ops);
    must(ops.begin(startOf(batch, 'SN1', 'second')));
    must(ops.end(run('second'), unplugged));
    expect(must(ops.autoRecoveries())).toEqual([]);
    // The cut that the list tells of stays the first one.
    expect(must(ops.listRecoveries())).toMatchObject([{ state: 'waiting', runId: 'run-SN1' }]);
    const record = tpmPass('SN1', startMs + 9_000);
    must(ops.begin(startOf(batch, 'SN1', 'third')));
    must(ops.claim(run('third'), claimsOf(record)));
    must(ops.pass(run('third'), record));
    expect(stateOf(ops)).toEqual(['finished']);
    expect(eventsOf(file, 'unit.recovered')).toEqual([{ unitId, runId: 'third' }]);
    must(ops.forgetRecoveries());
    expect(must(ops.listRecoveries())).toEqual([]);
    expect((await chainOf(ops)).ok).toBe(true);
  });

  it('is named with a fault when it holds something else, and still waits for a person', () => {
    const { ops, file } = newStore();
    const { batch, unitId } = cutUnit(ops);
    must(ops.begin(startOf(batch, 'SN1', 'second')));
    must(ops.end(run('second'), { ...unplugged, fault: fault('holds-other'), isNamed: true }));
    expect(must(ops.listRecoveries())).toMatchObject([{ state: 'named', fault: { code: 'holds-other' } }]);
    expect(eventsOf(file, 'unit.named')).toMatchObject([{ unitId, fault: 'holds-other' }]);
    must(ops.forgetRecoveries());
    expect(stateOf(ops)).toEqual(['named']);
  });

  it('is set aside by a person with a reason, stays so over every restart, and is taken up by a later scan', () => {
    const { ops: first, file, store } = newStore();
    const { batch, unitId } = cutUnit(first);
    must(first.decideRecovery({ unitId, to: 'set-aside', reason: 'board is burnt', by: 'Sam' }));
    const aside = [{ state: 'set-aside', reason: 'board is burnt', decidedBy: 'Sam', decidedMs: startMs }];
    expect(must(first.listRecoveries())).toMatchObject(aside);
    store.close();
    const { ops } = newStore(file);
    must(ops.forgetRecoveries());
    expect(must(ops.listRecoveries())).toMatchObject(aside);
    expect(eventsOf(file, 'unit.set-aside')).toEqual([{ unitId, reason: 'board is burnt' }]);
    expect(must(ops.autoRecoveries())).toEqual([]);
    expect(must(ops.begin(startOf(batch, 'SN1', 'second'))).open).toEqual([intent]);
    expect(stateOf(ops)).toEqual(['asking']);
    expect(codeOf(ops.decideRecovery({ ...again, unitId }))).toBe('unit-in-work');
    must(ops.end(run('second'), cut));
    expect(stateOf(ops)).toEqual(['waiting']);
  });

  it('is scrapped by a person: listed no more, told by the report, and finished by a later pass', () => {
    const { ops, file } = newStore();
    const { batch, unitId } = cutUnit(ops);
    must(ops.decideRecovery({ unitId, to: 'scrapped', reason: 'in the bin', by: 'Sam' }));
    expect(must(ops.listRecoveries())).toEqual([]);
    expect(codeOf(ops.decideRecovery({ ...again, unitId }))).toBe('recovery-unknown');
    expect(eventsOf(file, 'unit.scrapped')).toEqual([{ unitId, reason: 'in the bin' }]);
    const told = { decision: 'scrapped', decisionReason: 'in the bin', decidedBy: 'Sam', decidedMs: startMs };
    must(ops.forgetRecoveries());
    expect(must(ops.reportUnits(batch.batchId, 0)).units).toMatchObject([told]);
    const record = tpmPass('SN1', startMs + 9_000);
    must(ops.begin(startOf(batch, 'SN1', 'second')));
    must(ops.claim(run('second'), claimsOf(record)));
    must(ops.pass(run('second'), record));
    expect(stateOf(ops)).toEqual(['finished']);
    expect(must(ops.reportUnits(batch.batchId, 0)).units[0]).not.toHaveProperty('decision');
  });

  it('can be set aside only while it is one', () => {
    const { ops } = newStore();
    expect(codeOf(ops.decideRecovery({ ...again, unitId: 'nobody' }))).toBe('unit-unknown');
    const { unitId } = must(ops.begin(startOf(openedBatch(ops), 'SN1')));
    must(ops.end(run('run-SN1'), unplugged));
    expect(codeOf(ops.decideRecovery({ ...again, unitId }))).toBe('recovery-unknown');
  });
});

describe('what a next run is told', () => {
  it('repeats the key that was made, and the certificate that was issued, until the unit has a verdict of its own', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    const content = new Uint8Array([1, 2, 3]);
    const key: Intent = { step: 'generate-key', requestId: 'q-key' };
    const written: Intent = { step: 'write-certificates', requestId: 'q-cert', sha256: 'cc', content };
    must(ops.begin(startOf(batch, 'SN1')));
    for (const one of [key, written]) must(ops.intend(run('run-SN1'), one));
    must(ops.fulfil(run('run-SN1'), key, 'done'));
    must(ops.end(run('run-SN1'), cut));
    const second = must(ops.begin(startOf(batch, 'SN1', 'second')));
    expect(second).toMatchObject({ open: [written], done: [key], holdings: [{ step: 'write-certificates' }] });
    must(ops.fulfil(run('second'), written, 'done'));
    must(ops.end(run('second'), { ...unplugged, verdict: 'fail' }));
    const third = must(ops.begin(startOf(batch, 'SN1', 'third')));
    expect(third).toMatchObject({ open: [], done: [], holdings: [{ step: 'write-certificates', sha256: 'cc' }] });
  });

  it('does not repeat what the unit refused, and does not take it for something the unit may hold', () => {
    const { ops } = newStore();
    const batch = openedBatch(ops);
    must(ops.begin(startOf(batch, 'SN1')));
    must(ops.intend(run('run-SN1'), intent));
    must(ops.fulfil(run('run-SN1'), intent, 'refused'));
    must(ops.end(run('run-SN1'), cut));
    expect(must(ops.begin(startOf(batch, 'SN1', 'second')))).toMatchObject({ open: [], done: [], holdings: [] });
  });
});
