import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex, utf8 } from '../../lib/base/bytes.ts';
import { manualClock } from '../../lib/base/clock.ts';
import { must, ok } from '../../lib/base/result.ts';
import type { RunId, SerialNumber } from '../batches/model.ts';
import { verdictOf } from './faults.ts';
import type { DeviceSettings, Digest, UnitDriver, UnitFacts, VerifiedContent } from './ports.ts';
import { provision } from './run.ts';
import type { RunTask } from './run-work.ts';
import { createStopper } from './stopper.ts';
import { batchOf, countingRandom, createScript, scriptedJournal, scriptedSigner, scriptedUnit } from './test-bench.ts';

const digest: Digest = { sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) };
const sha256 = (bytes: Uint8Array): string => toHex(digest.sha256(bytes));
const target = { idScope: '0ne1', endpoint: 'localhost' };
const ours: DeviceSettings = { registrationId: 'a'.repeat(52), ...target };
const holding = { step: 'write-settings', sha256: sha256(utf8(JSON.stringify(ours))) } as const;
const done = { ...holding, requestId: 'earlier' };
/** A DER SEQUENCE, as far as anybody here reads it. */
const sequence = (text: string): Uint8Array => concatBytes(Uint8Array.of(0x30, text.length), utf8(text));

function benchOf(attestation: 'tpm' | 'x509', history: Partial<RunTask>, change: Partial<UnitDriver> = {}) {
  const script = createScript();
  const driver = scriptedUnit(script, attestation);
  const task: RunTask = {
    ...{ runId: 'r1' as RunId, batch: batchOf(), serialNumber: 'SN1' as SerialNumber },
    ...{ open: [], done: [], holdings: [], isResumed: true, ...history },
  };
  const run = () =>
    provision(task, {
      ...{ digest, target, signal: createStopper().signal, clock: manualClock(), random: countingRandom() },
      ...{ journal: scriptedJournal(script), signer: scriptedSigner(script), driver: { ...driver, ...change } },
      endorsement: { check: async () => ok() },
      onPhase: () => undefined,
      onAttestation: async () => undefined,
    });
  return { script, driver, run };
}

const holds = (settings: DeviceSettings | undefined): Partial<UnitDriver> => ({
  readSettings: async () => ok(settings),
});

describe('a unit that the station takes up by itself', () => {
  it('goes on when it holds nothing, or what was ever to be written to it', async () => {
    for (const held of [undefined, ours]) {
      const { script, run } = benchOf('tpm', { holdings: [holding] }, holds(held));
      await run();
      expect(script.asked).toContain('intend write-settings');
    }
  });

  it.each([
    ['holds what was never to be written to it', { holdings: [holding] }, { ...ours, idScope: 'another' }],
    ['holds no more what it had acknowledged', { holdings: [holding], done: [done] }, undefined],
  ])('is named when it %s, before anything is asked of it', async (_why, history, held) => {
    const { script, run } = benchOf('tpm', history, holds(held));
    const outcome = await run();
    expect(outcome).toMatchObject({ phase: 'identify', fault: { code: 'unit-holds-other' } });
    expect(outcome.verdict === 'unfinished' && verdictOf(outcome.fault)).toBe('error');
    expect(script.asked).not.toContain('unit proveTpm');
  });

  it('is written all the same when a person scanned it', async () => {
    const { script, run } = benchOf('tpm', { isResumed: false, holdings: [holding] }, holds({ ...ours, idScope: 'x' }));
    await run();
    expect(script.asked).toContain('unit writeSettings');
  });
});

describe('what an earlier run has done', () => {
  it('is read, and not written again', async () => {
    const { script, run } = benchOf('tpm', { holdings: [holding], done: [done] }, holds(ours));
    expect(await run()).toMatchObject({ verdict: 'pass' });
    expect(script.asked).not.toContain('intend write-settings');
  });

  it('is the key that is asked for again, and the certificate that is written again', async () => {
    const content = concatBytes(sequence('leaf'), sequence('intermediate'));
    const open = [{ step: 'write-certificates', requestId: 'written', sha256: sha256(content), content }] as const;
    const made = { step: 'generate-key', requestId: 'made' } as const;
    const { script, driver, run } = benchOf('x509', { isResumed: false, open, done: [made] });
    expect(await run()).toMatchObject({ verdict: 'pass' });
    expect(driver.requestIds.slice(0, 3)).toEqual(['made', 'made-csr', 'written']);
    expect(script.asked).not.toContain('signer issue');
  });
});

describe('the last acts on a unit', () => {
  type Verified = readonly Uint8Array[] | VerifiedContent;
  const act = (script: ReturnType<typeof createScript>, name: string) => async (_id: string, verified: Verified) => {
    const { chain, settings } = 'chain' in verified ? verified : { chain: verified, settings: undefined };
    script.asked.push(`unit ${name} chain of ${chain.length} ${settings?.idScope ?? ''}`.trim());
    return ok();
  };
  const says = (more: Partial<UnitFacts>) => async () =>
    ok({ model: 'm', firmware: '1', serialNumber: 'SN1', attestations: ['x509'] as const, ...more });

  it('come after everything was read back: the old is retired, then the unit is locked', async () => {
    const { script, driver } = benchOf('x509', {});
    const batch = batchOf({ lockUnits: true });
    const facts = says({ lock: 'open', hasOld: true });
    const change = { facts, retire: act(script, 'retire'), lock: act(script, 'lock') };
    const whole = benchOf('x509', { batch, isResumed: false }, { ...driver, ...change });
    expect(await whole.run()).toMatchObject({ verdict: 'pass', record: { facts: { lock: 'locked' } } });
    expect(script.asked.slice(-4)).toEqual([
      'unit readSettings',
      'unit readCertificates',
      'unit retire chain of 2',
      'unit lock chain of 2 0ne1',
    ]);
    expect(whole.script.asked.slice(-5)).toEqual([
      ...['intend retire', 'fulfil retire', 'intend lock', 'fulfil lock', 'pass'],
    ]);
  });

  it('leave out to retire what is not there', async () => {
    const { script, driver } = benchOf('x509', {});
    const change = { facts: says({ hasOld: false }), retire: act(script, 'retire') };
    const { run } = benchOf('x509', { isResumed: false }, { ...driver, ...change });
    expect(await run()).toMatchObject({ verdict: 'pass' });
    expect(script.asked.filter((asked) => asked.startsWith('unit retire'))).toEqual([]);
  });

  it('are only finished on a locked unit that this station was about to lock; any other is refused unwritten', async () => {
    const lock = { step: 'lock', requestId: 'l', sha256: 'aa' } as const;
    for (const [history, verdict] of [
      [{ open: [lock] }, 'pass'],
      [{ done: [lock] }, 'pass'],
      [{}, 'unfinished'],
    ] as const) {
      const { script, driver } = benchOf('tpm', {});
      const change = {
        ...driver,
        facts: async () => ok({ ...must(await driver.facts()), lock: 'locked' as const }),
        lock: act(script, 'lock'),
      };
      const bench = benchOf('tpm', { ...history, batch: batchOf({ lockUnits: true }), isResumed: false }, change);
      const outcome = await bench.run();
      expect(outcome.verdict).toBe(verdict);
      expect(script.asked.filter((asked) => asked.startsWith('unit lock'))).toEqual([]);
      if (outcome.verdict !== 'unfinished') continue;
      expect(outcome).toMatchObject({ phase: 'identify', fault: { code: 'unit-locked' } });
      expect(verdictOf(outcome.fault)).toBe('fail');
      expect(bench.script.asked.filter((asked) => asked.startsWith('intend'))).toEqual([]);
    }
  });

  it('are asked of no unit that cannot: one that cannot be locked is refused before it is written', async () => {
    const { script, run } = benchOf('tpm', { batch: batchOf({ lockUnits: true }) });
    expect(await run()).toMatchObject({ phase: 'identify', fault: { code: 'lock-unsupported' } });
    expect(script.asked).not.toContain('intend write-settings');
  });
});
