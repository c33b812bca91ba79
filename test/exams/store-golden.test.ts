import { describe, expect, it } from 'vitest';
import { faultMaker } from '../../src-main/lib/base/fault.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { Verdict } from '../../src-main/contract/views.ts';
import type { Batch } from '../../src-main/station/batches/model.ts';
import { chainOf, codeOf, eventsOf, newStore, openedBatch, type TestStore } from './store-fixtures.ts';
import { sqliteRows } from '../flows/support/witness-sqlite.ts';
import { run, startMs, startOf } from './store-units.ts';

const good = { name: 'Good 1', serialNumber: 'SN90', expect: 'pass' } as const;
const bad = { name: 'Bad 1', serialNumber: 'SN91', expect: 'fail' } as const;
const fault = faultMaker({ 'serial-mismatch': { say: 'It is another.', hint: 'Check it.' } })('serial-mismatch');

function demanding() {
  const test = newStore();
  for (const sample of [good, bad]) must(test.ops.addSample(sample, 'Sam'));
  return { test, batch: openedBatch(test.ops, { goldenSamples: true }) };
}

type Sample = readonly [serialNumber: string, verdict: Verdict];

let runs = 0;
function runSample({ ops }: TestStore, batch: Batch, [serialNumber, verdict]: Sample, endedMs = startMs) {
  const runId = `golden-${(runs += 1)}`;
  must(ops.beginSample(startOf(batch, serialNumber, runId, endedMs)));
  const why = verdict === 'pass' ? {} : { fault };
  must(ops.endSample(run(runId), { verdict, phase: 'verify', endedMs, ...why }));
}

const scan = ({ ops }: TestStore, batch: Batch, startedMs = startMs, serialNumber = 'SN1') =>
  codeOf(ops.begin(startOf(batch, serialNumber, `run-${(runs += 1)}`, startedMs)));

describe('golden samples', () => {
  it('are listed by name, and never units', () => {
    const { test, batch } = demanding();
    expect(must(test.ops.listSamples())).toMatchObject([{ name: 'Bad 1' }, { name: 'Good 1', addedBy: 'Sam' }]);
    expect(codeOf(test.ops.begin(startOf(batch, 'SN90')))).toBe('golden-is-no-unit');
    must(test.ops.begin(startOf(openedBatch(test.ops), 'SN1')));
    expect(codeOf(test.ops.addSample({ ...good, name: 'Good 2', serialNumber: 'SN1' }, 'Sam'))).toBe('golden-is-unit');
    expect(codeOf(test.ops.addSample({ ...good, serialNumber: 'SN92' }, 'Sam'))).toBe('golden-name-taken');
  });

  it('can be removed and added again, also under a name that is free again; what is removed keeps its own', () => {
    const { test, batch } = demanding();
    must(test.ops.removeSample('SN90', 'Sam'));
    expect(codeOf(test.ops.removeSample('SN90', 'Sam'))).toBe('golden-unknown');
    expect(codeOf(test.ops.beginSample(startOf(batch, 'SN90')))).toBe('golden-unknown');
    must(test.ops.addSample({ ...good, serialNumber: 'SN93' }, 'Sam'));
    const rows = sqliteRows(test.file, 'SELECT serial_number, name FROM golden_samples ORDER BY serial_number');
    expect(rows).toEqual([
      { serial_number: 'SN90', name: 'Good 1' },
      { serial_number: 'SN91', name: 'Bad 1' },
      { serial_number: 'SN93', name: 'Good 1' },
    ]);
    expect(eventsOf(test.file, 'golden.removed')).toEqual([{ serialNumber: 'SN90' }]);
  });
});

describe('a batch that demands golden samples', () => {
  it('takes no unit until a good one passed and a bad one failed, and says which is due', async () => {
    const { test, batch } = demanding();
    const check = () => must(test.ops.batchView(batch.batchId)).goldenCheck;
    expect(check()).toMatchObject({ passDone: false, failDone: false });
    expect(test.ops.begin(startOf(batch, 'SN1'))).toMatchObject({
      fault: { code: 'golden-due', hint: 'Plug in and scan a known-good sample first: Good 1.' },
    });
    runSample(test, batch, ['SN90', 'pass']);
    expect(check()).toMatchObject({ passDone: true, failDone: false });
    expect(scan(test, batch)).toBe('golden-due');
    runSample(test, batch, ['SN91', 'fail']);
    expect(check()).toMatchObject({ passDone: true, failDone: true });
    expect(scan(test, batch)).toBeUndefined();
    expect(must(test.ops.listUnits({ limit: 9 })).items.map(({ serialNumber }) => serialNumber)).toEqual(['SN1']);
    expect(must(test.ops.outboxCounts()).pending).toBe(0);
    expect(eventsOf(test.file, 'golden.run')).toMatchObject([
      { serialNumber: 'SN90', verdict: 'pass', isAsExpected: true },
      { serialNumber: 'SN91', verdict: 'fail', isAsExpected: true, fault: 'serial-mismatch' },
    ]);
    expect((await chainOf(test.ops)).ok).toBe(true);
  });

  it('is not content with a good one that fails, a bad one that passes, or an error of the bench', () => {
    const { test, batch } = demanding();
    runSample(test, batch, ['SN90', 'fail']);
    runSample(test, batch, ['SN91', 'pass']);
    runSample(test, batch, ['SN91', 'error']);
    expect(must(test.ops.batchView(batch.batchId)).goldenCheck).toMatchObject({ passDone: false, failDone: false });
    expect(must(test.ops.listSamples())[0]?.lastRun).toMatchObject({ verdict: 'error', isAsExpected: false });
  });

  it('asks again in the next shift: another operator, or twelve hours later; another batch asks for its own', () => {
    const { test, batch } = demanding();
    const checked = (atMs: number): void => {
      runSample(test, batch, ['SN90', 'pass'], atMs);
      runSample(test, batch, ['SN91', 'fail'], atMs);
    };
    checked(startMs);
    expect(scan(test, batch)).toBeUndefined();
    const other = openedBatch(test.ops, { goldenSamples: true, name: 'B' });
    expect(scan(test, other, startMs, 'SN2')).toBe('golden-due');
    test.nowMs = startMs + 1_000;
    must(test.ops.saveSettings({ operator: 'Kim' }, 'Kim'));
    expect(scan(test, batch, startMs + 2_000)).toBe('golden-due');
    checked(startMs + 3_000);
    expect(scan(test, batch, startMs + 4_000)).toBeUndefined();
    expect(scan(test, batch, startMs + 3_000 + 12 * 3_600_000)).toBeUndefined();
    expect(scan(test, batch, startMs + 3_001 + 12 * 3_600_000)).toBe('golden-due');
  });

  it('says that there is none where the station knows no sample', () => {
    const { ops } = newStore();
    expect(codeOf(ops.begin(startOf(openedBatch(ops, { goldenSamples: true }), 'SN1')))).toBe('golden-none');
  });
});
