import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../lib/base/bytes.ts';
import { manualClock } from '../../lib/base/clock.ts';
import { ok } from '../../lib/base/result.ts';
import type { Phase } from '../../contract/views.ts';
import type { RunId, SerialNumber } from '../batches/model.ts';
import { benchFault, verdictOf } from './faults.ts';
import type { Digest, Intent } from './ports.ts';
import { provision } from './run.ts';
import type { RunParts } from './run-work.ts';
import { createStopper } from './stopper.ts';
import { batchOf, countingRandom, createScript, scriptedJournal, scriptedSigner, scriptedUnit } from './test-bench.ts';

const digest: Digest = { sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) };
const target = { idScope: '0ne1', endpoint: 'localhost' };

function bench(attestation: 'tpm' | 'x509', open: readonly Intent[] = []) {
  const script = createScript();
  const stopper = createStopper();
  const reached: Phase[] = [];
  const driver = scriptedUnit(script, attestation);
  const parts: RunParts = {
    ...{ driver, digest, target, signal: stopper.signal },
    journal: scriptedJournal(script, open),
    signer: scriptedSigner(script),
    endorsement: { check: async () => ok() },
    clock: manualClock(),
    random: countingRandom(),
    onPhase: (phase) => reached.push(phase),
    onAttestation: async () => undefined,
  };
  const task = { runId: 'r1' as RunId, batch: batchOf(), serialNumber: 'SN1' as SerialNumber, isResumed: false };
  const history = { open, done: [], holdings: [] };
  const run = (change: Partial<RunParts> = {}) => provision({ ...task, ...history }, { ...parts, ...change });
  return { script, stopper, reached, driver, run, parts, task };
}

const settingsHash = (registrationId: string): string =>
  toHex(digest.sha256(utf8(JSON.stringify({ registrationId, ...target }))));

describe('a run of an X.509 unit', () => {
  it('journals each irreversible write before the unit is touched, and closes it after the unit answered', async () => {
    const { script, run, reached } = bench('x509');
    expect(await run()).toMatchObject({ verdict: 'pass', record: { registrationId: 'sn1', attestation: 'x509' } });
    expect(reached).toEqual(['connect', 'identify', 'prove', 'write', 'verify', 'commit']);
    expect(script.asked).toEqual([
      ...['unit connect', 'unit facts', 'claim registration-id'],
      ...['intend generate-key', 'unit generateKey', 'unit createCsr', 'fulfil generate-key'],
      ...['signer checkCsr', 'claim public-key', 'signer issue', 'signer validate'],
      ...['intend write-certificates', 'unit writeCertificates', 'fulfil write-certificates'],
      ...['intend write-settings', 'unit writeSettings', 'fulfil write-settings'],
      ...['unit readSettings', 'unit readCertificates', 'signer validate', 'pass'],
    ]);
  });

  it('touches nothing when the intent cannot be committed', async () => {
    const { script, run } = bench('x509');
    script.refuse.push({ call: 'intend generate-key', code: 'store-stopped' });
    expect(await run()).toMatchObject({ verdict: 'unfinished', phase: 'prove', fault: { code: 'store-stopped' } });
    expect(script.asked).not.toContain('unit generateKey');
  });

  it('leaves the intent open when the unit did not answer', async () => {
    const { script, run } = bench('x509');
    script.refuse.push({ call: 'unit writeCertificates', code: 'link-lost' });
    expect(await run()).toMatchObject({ verdict: 'unfinished', phase: 'write', fault: { code: 'link-lost' } });
    expect(script.asked).not.toContain('fulfil write-certificates');
  });

  it('closes the intent when the unit answered with a refusal: a repeat would only be refused again', async () => {
    const { script, run } = bench('x509');
    script.refuse.push({ call: 'unit generateKey', code: 'device-refused' });
    expect(await run()).toMatchObject({ verdict: 'unfinished', phase: 'prove', fault: { code: 'device-refused' } });
    expect(script.asked.at(-1)).toBe('fulfil generate-key');
  });

  it('repeats an open intent of an earlier run under its request id', async () => {
    const { driver, run } = bench('x509', [{ step: 'generate-key', requestId: 'earlier' }]);
    expect((await run()).verdict).toBe('pass');
    expect(driver.requestIds.slice(0, 2)).toEqual(['earlier', 'earlier-csr']);
  });

  it('stops before the key when another unit holds its name', async () => {
    const { script, run } = bench('x509');
    script.refuse.push({ call: 'claim registration-id', code: 'identity-taken' });
    expect(await run()).toMatchObject({ verdict: 'unfinished', phase: 'prove', fault: { code: 'identity-taken' } });
    expect(script.asked).not.toContain('intend generate-key');
  });

  it('is refused without a signer', async () => {
    const { run } = bench('x509');
    expect(await run({ signer: undefined })).toMatchObject({ fault: { code: 'signer-missing' } });
  });

  it('names the signer that is not open, before the key is made', async () => {
    const { script, run, task } = bench('x509');
    task.batch.terms.signerId = 'abc';
    expect(await run({ signer: undefined })).toMatchObject({ phase: 'prove', fault: { code: 'signer-not-open' } });
    expect(script.asked).not.toContain('intend generate-key');
  });

  it('does not validate what it is about to write only afterwards', async () => {
    const { script, run } = bench('x509');
    script.refuse.push({ call: 'signer validate', code: 'chain-broken' });
    expect(await run()).toMatchObject({ phase: 'write', fault: { code: 'chain-broken' } });
    expect(script.asked).not.toContain('intend write-certificates');
  });
});

describe('a run of a TPM unit', () => {
  it('claims its endorsement key before anything is written', async () => {
    const { script, run } = bench('tpm');
    expect(await run()).toMatchObject({ verdict: 'pass', record: { attestation: 'tpm', endorsementKey: 'ZWs=' } });
    expect(script.asked.indexOf('claim ek registration-id')).toBeLessThan(
      script.asked.indexOf('intend write-settings'),
    );
    expect(script.asked).not.toContain('unit generateKey');
  });

  it('reuses an open intent for the same content, and takes a new id for other content', async () => {
    const sha256 = settingsHash('a'.repeat(52));
    const same = bench('tpm', [{ step: 'write-settings', requestId: 'earlier', sha256 }]);
    await same.run();
    expect(same.driver.requestIds).toEqual(['earlier']);
    const other = bench('tpm', [{ step: 'write-settings', requestId: 'earlier', sha256: 'other' }]);
    await other.run();
    expect(other.driver.requestIds).toEqual(['id-1']);
  });

  it('takes a new request id when the unit kept the earlier one for other content', async () => {
    const sha256 = settingsHash('a'.repeat(52));
    const { script, driver, run } = bench('tpm', [{ step: 'write-settings', requestId: 'earlier', sha256 }]);
    script.refuse.push({ call: 'unit writeSettings', code: 'link-id-reused' });
    expect((await run()).verdict).toBe('pass');
    expect(driver.requestIds).toEqual(['earlier', 'id-1']);
    expect(script.asked.filter((call) => call === 'intend write-settings')).toHaveLength(2);
  });

  it('does not pass when the endorsement check refuses', async () => {
    const { script, run } = bench('tpm');
    const refusal = { ok: false as const, fault: benchFault('run-broke') };
    expect(await run({ endorsement: { check: async () => refusal } })).toMatchObject({ phase: 'prove' });
    expect(script.asked).not.toContain('claim ek registration-id');
  });
});

describe('any run', () => {
  it('ends unfinished when the pass cannot be committed', async () => {
    const { script, run } = bench('tpm');
    script.refuse.push({ call: 'pass', code: 'store-stopped' });
    expect(await run()).toMatchObject({ verdict: 'unfinished', phase: 'commit', fault: { code: 'store-stopped' } });
  });

  it('stops before the next device write once it is aborted, whatever it was doing', async () => {
    const calls = ['unit connect', 'unit facts', 'unit proveTpm', 'claim ek registration-id'];
    for (const call of calls) {
      const { script, stopper, run } = bench('tpm');
      script.before = (asked) => {
        if (asked === call) stopper.stop(benchFault('run-aborted'));
      };
      expect(await run(), call).toMatchObject({ verdict: 'unfinished', fault: { code: 'run-aborted' } });
      expect(script.asked).not.toContain('unit writeSettings');
    }
  });

  it('fails a unit that answers with another serial number, and takes one that has none', async () => {
    const { parts, run } = bench('tpm');
    const said = (serialNumber?: string) => ({
      ...parts.driver,
      facts: async () =>
        ok({ model: 'm', firmware: '1', attestations: ['tpm' as const], ...(serialNumber && { serialNumber }) }),
    });
    expect(await run({ driver: said('SN2') })).toMatchObject({ phase: 'identify', fault: { code: 'serial-mismatch' } });
    expect(await run({ driver: said() })).toMatchObject({ verdict: 'pass' });
  });

  it('that the station resumes goes on only with a unit that says it is the one', async () => {
    const { script, parts, run, task } = bench('tpm');
    const said = (serialNumber?: string) => ({
      ...parts.driver,
      facts: async () =>
        ok({ model: 'm', firmware: '1', attestations: ['tpm' as const], ...(serialNumber && { serialNumber }) }),
    });
    task.isResumed = true;
    for (const driver of [said(), said('SN2')]) {
      const outcome = await run({ driver });
      expect(outcome).toMatchObject({ phase: 'identify', fault: { code: 'unit-unconfirmed' } });
      expect(outcome.verdict === 'unfinished' && verdictOf(outcome.fault)).toBe('error');
    }
    expect(script.asked).not.toContain('unit proveTpm');
    expect(await run({ driver: said('SN1') })).toMatchObject({ verdict: 'pass' });
  });

  it('leaves out the settings that this kind of unit does not take, and its pass says so', async () => {
    const { script, parts, run } = bench('tpm');
    const capabilities = { settings: false, certificates: false, serialNumber: false };
    const outcome = await run({ driver: { ...parts.driver, capabilities } });
    expect(outcome).toMatchObject({ verdict: 'pass', record: { leftOut: ['write-settings'] } });
    expect(script.asked.filter((call) => call.includes('ettings'))).toEqual([]);
    const whole = await bench('tpm').run();
    expect(whole.verdict === 'pass' && whole.record).not.toHaveProperty('leftOut');
  });

  it('fails a unit that reads back other settings', async () => {
    const { parts, run } = bench('tpm');
    const driver = { ...parts.driver, readSettings: async () => ok({ registrationId: 'x', ...target }) };
    expect(await run({ driver })).toMatchObject({ phase: 'verify', fault: { code: 'read-back-differs' } });
  });
});
