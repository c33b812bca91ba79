import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { silentLog } from '../../lib/base/log.ts';
import { failed, must, ok } from '../../lib/base/result.ts';
import type { SlotView } from '../../contract/views.ts';
import type { RegistrationId, SerialNumber } from '../batches/model.ts';
import { createBench } from './bench.ts';
import type { BenchParts } from './slot-run.ts';
import { benchFault } from './faults.ts';
import { batchOf, countingRandom, createScript, scriptedJournal, scriptedSigner, scriptedUnit } from './test-bench.ts';

function benchOf(change: Partial<BenchParts> = {}) {
  const script = createScript();
  const clock = manualClock();
  const views: SlotView[] = [];
  const slotOf = (slot: number) => ({ slot, name: `port ${slot}`, open: async () => ok(scriptedUnit(script, 'tpm')) });
  const bench = createBench({
    slots: [1, 2].map(slotOf),
    journal: scriptedJournal(script),
    endorsement: { check: async () => ok() },
    digest: { sha256: () => new Uint8Array(32) },
    clock,
    random: countingRandom(),
    log: silentLog,
    signerFor: () => scriptedSigner(script),
    target: () => ({ idScope: '0ne1', endpoint: 'localhost' }),
    onSlot: (view) => views.push(view),
    ...change,
  });
  bench.plugged(1, true);
  const request = (serial = 'SN1', slot?: number) => ({
    ...{ batch: batchOf(), serialNumber: serial as SerialNumber, operator: 'Tester' },
    ...(slot === undefined ? {} : { slot }),
  });
  const settled = async (): Promise<SlotView['run']> => {
    for (let turn = 0; turn < 500 && bench.slots()[0]?.run?.state === 'working'; turn += 1) await Promise.resolve();
    return bench.slots()[0]?.run;
  };
  return { bench, script, clock, views, request, settled };
}

describe('a slot that is occupied', () => {
  it.each(['abort', 'close'] as const)('ends its work when it is told to (%s)', async (how) => {
    const { bench, request } = benchOf();
    const working = bench.occupy(1, async (signal) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
      return failed(benchFault('run-aborted'));
    });
    expect(await bench.start(request('SN1', 1))).toMatchObject({ ok: false, fault: { code: 'slot-busy' } });
    await (how === 'abort' ? bench.abort(1) : bench.close());
    expect(await working).toMatchObject({ ok: false });
  });
});

describe('a bench', () => {
  it('shows working until the row is committed, and the verdict after it', async () => {
    const { bench, script, views, request, settled } = benchOf();
    must(await bench.start(request()));
    script.before = (call) => {
      if (call === 'pass') expect(views.at(-1)?.run?.state).toBe('working');
    };
    expect(await settled()).toMatchObject({ state: 'pass', typicalMs: 1_500 });
    expect((await bench.start(request())).ok).toBe(true);
    expect(script.asked).toContain('pass');
  });

  it('shows an error when the verdict could not be stored', async () => {
    const { bench, script, request, settled } = benchOf();
    script.refuse.push({ call: 'unit connect', code: 'link-silent' });
    script.refuse.push({ call: 'end error link-silent', code: 'store-stopped' });
    must(await bench.start(request()));
    expect(await settled()).toMatchObject({ state: 'error', fault: { code: 'store-stopped' } });
  });

  it('shows the pass that was committed although its answer was lost', async () => {
    const { bench, script, request, settled } = benchOf();
    script.refuse.push({ call: 'pass', code: 'store-restarted' });
    script.refuse.push({ call: 'end error store-restarted', code: 'run-ended' });
    script.committed = { verdict: 'pass', attestation: 'tpm', registrationId: 'r1' as RegistrationId };
    must(await bench.start(request()));
    expect(await settled()).toMatchObject({ state: 'pass', registrationId: 'r1', attestation: 'tpm' });
  });

  it('ends a run that a bug broke with a row of its own', async () => {
    const { bench, script, request, settled } = benchOf();
    script.before = (call) => {
      if (call === 'unit facts') throw new Error('a bug');
    };
    must(await bench.start(request()));
    expect(await settled()).toMatchObject({ state: 'error', fault: { code: 'run-broke' } });
    expect(script.asked).toContain('end error run-broke');
    expect(script.phases).toEqual(['identify']);
  });

  it('ends a run with the reason why its port does not open', async () => {
    const slot = { slot: 1, name: 'port 1', open: async () => failed(benchFault('slot-empty', { slot: 1 })) };
    const { bench, script, request, settled } = benchOf({ slots: [slot] });
    must(await bench.start(request()));
    expect(await settled()).toMatchObject({ state: 'error', fault: { code: 'slot-empty' } });
    expect(script.asked).toContain('end error slot-empty');
  });

  it('passes no unit while the station does not know its provisioning service, and does not touch it', async () => {
    const targets = [undefined, { idScope: '', endpoint: 'localhost' }, { idScope: '0ne1', endpoint: '' }];
    for (const target of targets) {
      const { bench, script, request, settled } = benchOf({ target: () => target });
      must(await bench.start(request()));
      expect(await settled()).toMatchObject({ state: 'error', fault: { code: 'target-unknown' } });
      expect(script.asked).toEqual(['begin', 'end error target-unknown']);
    }
  });

  it('ends a run that takes five minutes, and frees the slot', async () => {
    const { bench, script, clock, request, settled } = benchOf();
    let hang: () => void = () => undefined;
    script.before = async (call) => {
      if (call === 'unit close') hang();
      if (call === 'unit facts') await new Promise<void>((resolve) => (hang = resolve));
    };
    must(await bench.start(request()));
    await clock.advance(299_000);
    expect(bench.slots()[0]?.run?.state).toBe('working');
    await clock.advance(2_000);
    expect(script.asked).toContain('unit close');
    hang();
    expect(await settled()).toMatchObject({ state: 'error', fault: { code: 'run-too-long' } });
    script.before = () => undefined;
    expect((await bench.start(request())).ok).toBe(true);
    expect(clock.pending).toBe(1);
  });

  it('refuses a scan while the unit in the slot is being switched on', async () => {
    const { bench, script, request } = benchOf();
    let answer: () => void = () => undefined;
    script.before = async (call) => {
      if (call === 'unit boot') await new Promise<void>((resolve) => (answer = resolve));
    };
    const booting = bench.boot(1);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(await bench.start(request('SN1', 1))).toMatchObject({ ok: false, fault: { code: 'slot-busy' } });
    expect(await bench.boot(1)).toMatchObject({ ok: false, fault: { code: 'slot-busy' } });
    answer();
    expect(await booting).toEqual(ok());
    expect((await bench.start(request('SN1', 1))).ok).toBe(true);
    expect(await bench.boot(7)).toMatchObject({ ok: false, fault: { code: 'slot-unknown' } });
  });

  it('chooses the slot whose unit has no verdict yet, then one that did not pass', async () => {
    const { bench, request, settled } = benchOf();
    bench.plugged(2, true);
    must(await bench.start(request('SN1')));
    await settled();
    expect(must(await bench.start(request('SN2'))).slot).toBe(2);
  });

  it('follows the life of the unit it still shows, and of no other', async () => {
    const { bench, views, request, settled } = benchOf();
    must(await bench.start(request()));
    await settled();
    const before = views.length;
    bench.lives('SN9', 'seen');
    expect(views).toHaveLength(before);
    bench.lives('SN1', 'registered', 'hub-1');
    expect(bench.slots()[0]?.run).toMatchObject({ unitState: 'registered', hub: 'hub-1' });
  });

  it('follows the life of a unit in the slot where it passed, not in one where it failed before', async () => {
    const { bench, script, request, settled } = benchOf();
    bench.plugged(2, true);
    script.refuse.push({ call: 'unit facts', code: 'link-silent' });
    must(await bench.start(request('SN1', 1)));
    expect(await settled()).toMatchObject({ state: 'error' });
    must(await bench.start(request('SN1', 2)));
    for (let turn = 0; turn < 500 && bench.slots()[1]?.run?.state === 'working'; turn += 1) await Promise.resolve();
    bench.lives('SN1', 'seen');
    expect(bench.slots().map(({ run }) => [run?.state, run?.unitState])).toEqual([
      ['error', undefined],
      ['pass', 'seen'],
    ]);
  });

  it('expects of a unit in a mixed batch what units of its own kind take', async () => {
    const asked: string[] = [];
    const journal = { ...scriptedJournal(createScript()), typicalMs: async (kind: string) => asked.push(kind) };
    const { bench, request, settled } = benchOf({ journal });
    must(await bench.start(request()));
    await settled();
    expect(new Set(asked)).toEqual(new Set(['tpm']));
  });

  it('keeps the last verdict of a slot when a scan is refused, and shows no run that has no row', async () => {
    const { bench, script, views, request, settled } = benchOf();
    must(await bench.start(request()));
    await settled();
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    const before = bench.slots()[0];
    const shown = views.length;
    script.refuse.push({ call: 'begin', code: 'batch-full' });
    expect(await bench.start(request('SN2'))).toMatchObject({ ok: false, fault: { code: 'batch-full' } });
    expect(bench.slots()[0]).toEqual(before);
    expect(views).toHaveLength(shown);
    expect((await bench.start(request('SN2'))).ok).toBe(true);
  });

  it('finds the slot and its unit busy while the row of the run is being written', async () => {
    const { bench, request } = benchOf();
    bench.plugged(2, true);
    const first = bench.start(request('SN1', 1));
    expect(await bench.start(request('SN2', 1))).toMatchObject({ fault: { code: 'slot-busy' } });
    expect(await bench.start(request('SN1', 2))).toMatchObject({ fault: { code: 'serial-in-work' } });
    expect((await first).ok).toBe(true);
  });

  it('takes nothing new once it closes, and ends what was just beginning', async () => {
    const { bench, script, request } = benchOf();
    bench.plugged(2, true);
    const beginning = bench.start(request('SN1', 1));
    const closing = bench.close();
    for (const late of [bench.start(request('SN2', 2)), bench.boot(2)]) {
      expect(await late).toMatchObject({ ok: false, fault: { code: 'station-restarted' } });
    }
    await closing;
    expect((await beginning).ok).toBe(true);
    expect(script.asked).toEqual(['begin', 'unit close', 'end error station-restarted']);
    expect(bench.slots()[0]?.run?.state).toBe('error');
  });

  it('waits for the row of each run when it closes', async () => {
    const { bench, script, request } = benchOf();
    must(await bench.start(request()));
    await bench.close();
    expect(script.asked.at(-1)).toMatch(/^(end error station-restarted|pass)$/);
    expect(bench.slots()[0]?.run?.state).not.toBe('working');
  });

  it('gives the slot for an abort where nothing runs, and a fault where there is no slot', () => {
    const { bench } = benchOf();
    expect(bench.abort(1)).toMatchObject({ ok: true, value: { slot: 1 } });
    expect(bench.abort(9)).toMatchObject({ ok: false, fault: { code: 'slot-unknown' } });
  });
});
