import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { silentLog } from '../../lib/base/log.ts';
import { ok } from '../../lib/base/result.ts';
import { createBench } from '../bench/bench.ts';
import {
  batchOf,
  countingRandom,
  createScript,
  scriptedJournal,
  scriptedSigner,
  scriptedUnit,
} from '../bench/test-bench.ts';
import { type DeskParts, createDesk } from './handlers.ts';

function deskOf() {
  const script = createScript();
  const bench = createBench({
    slots: [1, 2, 3].map((slot) => ({
      ...{ slot, name: `virtual ${slot}`, virtualSerialNumber: `SN${slot}` },
      open: async () => ok(scriptedUnit(script, 'tpm')),
    })),
    journal: scriptedJournal(script),
    endorsement: { check: async () => ok() },
    digest: { sha256: () => new Uint8Array(32) },
    ...{ clock: manualClock(), random: countingRandom(), log: silentLog },
    signerFor: () => scriptedSigner(script),
    target: () => ({ idScope: '0ne1', endpoint: 'localhost' }),
    onSlot: () => undefined,
  });
  for (const slot of [1, 2, 3]) bench.plugged(slot, true);
  const station = { view: () => ({ batchId: 'b1', operator: 'Tester' }) };
  const store = { openedBatch: async () => ok(batchOf()), listSamples: async () => ok([]) };
  // Only what a scan asks of them.
  const parts = { bench, station, store, log: silentLog } as unknown as DeskParts;
  return { script, answer: () => createDesk(parts).answer('bench.scanVirtual', {}) };
}

describe('scanning all virtual units', () => {
  it('starts every unit that may start, also behind one that is refused', async () => {
    const { script, answer } = deskOf();
    script.refuse.push({ call: 'begin', code: 'serial-in-other-batch' });
    expect(await answer()).toEqual(ok({ started: 2 }));
    expect(script.asked.filter((call) => call === 'begin')).toHaveLength(3);
  });

  it('says why when none could start, and is content where all have passed', async () => {
    const full = deskOf();
    full.script.refuse.push(...['batch-full', 'batch-closed', 'batch-full'].map((code) => ({ call: 'begin', code })));
    expect(await full.answer()).toMatchObject({ ok: false, fault: { code: 'batch-full' } });
    const done = deskOf();
    done.script.refuse.push(...[1, 2, 3].map(() => ({ call: 'begin', code: 'unit-already-passed' })));
    expect(await done.answer()).toEqual(ok({ started: 0 }));
  });
});
