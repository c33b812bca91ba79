import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { silentLog } from '../../lib/base/log.ts';
import { must, ok } from '../../lib/base/result.ts';
import type { SlotView } from '../../contract/views.ts';
import type { SerialNumber } from '../batches/model.ts';
import { createBench } from './bench.ts';
import type { DriverCapabilities } from './ports.ts';
import { batchOf, countingRandom, createScript, scriptedJournal, scriptedSigner, scriptedUnit } from './test-bench.ts';

function benchWith(attestation: 'tpm' | 'x509', capabilities?: DriverCapabilities) {
  const script = createScript();
  const open = async () => {
    const unit = scriptedUnit(script, attestation);
    return ok(capabilities === undefined ? unit : { ...unit, capabilities });
  };
  const bench = createBench({
    slots: [{ slot: 1, name: 'port 1', open }],
    journal: scriptedJournal(script),
    endorsement: { check: async () => ok() },
    digest: { sha256: () => new Uint8Array(32) },
    ...{ clock: manualClock(), random: countingRandom(), log: silentLog },
    signerFor: () => scriptedSigner(script),
    target: () => ({ idScope: '0ne1', endpoint: 'localhost' }),
    onSlot: () => undefined,
  });
  bench.plugged(1, true);
  const check = async (expected: 'pass' | 'fail', serialNumber = 'SN1'): Promise<SlotView['run']> => {
    const golden = { name: 'Good 1', expect: expected };
    const request = { batch: batchOf(), serialNumber: serialNumber as SerialNumber, operator: 'Toni', golden };
    must(await bench.start(request));
    for (let turn = 0; turn < 500 && bench.slots()[0]?.run?.state === 'working'; turn += 1) await Promise.resolve();
    return bench.slots()[0]?.run;
  };
  return { script, check };
}

describe('a golden sample', () => {
  it.each([
    ['tpm', ['unit connect', 'unit facts', 'unit proveTpm', 'unit readSettings']],
    [
      'x509',
      ['unit connect', 'unit facts', 'unit createCsr', 'signer checkCsr', 'unit readSettings', 'unit readCertificates'],
    ],
  ] as const)('with %s proves the bench, and is neither written nor enrolled', async (attestation, asked) => {
    const { script, check } = benchWith(attestation);
    const run = await check('pass');
    expect(run).toMatchObject({ state: 'pass', golden: { name: 'Good 1', expect: 'pass' } });
    expect(run).not.toHaveProperty('unitState');
    expect(run?.phases.map(({ phase, state }) => `${phase} ${state}`)).toEqual([
      ...['connect done', 'identify done', 'prove done', 'verify done'],
    ]);
    expect(script.asked).toEqual(['begin sample', ...asked, 'unit close', 'end sample pass']);
  });

  it('is not asked for a request or a certificate where that would write to it', async () => {
    const shows = { request: false, certificates: false };
    const { script, check } = benchWith('x509', { settings: false, certificates: true, serialNumber: true, shows });
    expect(await check('pass')).toMatchObject({ state: 'pass' });
    expect(script.asked).toEqual(['begin sample', 'unit connect', 'unit facts', 'unit close', 'end sample pass']);
  });

  it('that is bad shows its own verdict with its reason', async () => {
    const { script, check } = benchWith('tpm');
    expect(await check('fail', 'SN2')).toMatchObject({ state: 'fail', fault: { code: 'serial-mismatch' } });
    expect(script.asked.at(-1)).toBe('end sample fail serial-mismatch');
  });

  it('shows an error when its verdict cannot be stored', async () => {
    const { script, check } = benchWith('tpm');
    script.refuse.push({ call: 'end sample pass', code: 'store-stopped' });
    expect(await check('pass')).toMatchObject({ state: 'error', fault: { code: 'store-stopped' } });
  });
});
