/** A bench with real units, a real store and a real signer: every wrong unit is stopped with its reason, every right one passes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { ok } from '../../src-main/lib/base/result.ts';
import type { RunView } from '../../src-main/contract/views.ts';
import { type BenchLab, openBenchLab } from '../flows/support/bench-lab.ts';
import { type LabUnit, type LabUnitOptions, createLabUnit, prepareTpmState } from '../flows/support/lab-unit.ts';
import { pacedClock } from '../flows/support/paced-clock.ts';
import { type SqliteRow, runRows, sqliteRows } from '../flows/support/witness-sqlite.ts';

const clock = pacedClock();
let prepared: { readonly folder: string; readonly first: string; readonly second: string };
let folder: string;
let lab: BenchLab;
const units: LabUnit[] = [];

beforeAll(async () => {
  const made = await mkdtemp(join(tmpdir(), 'benchline-exam-tpm-'));
  const [first, second] = await Promise.all(
    ['first', 'second'].map((name) => prepareTpmState(join(made, `${name}.json`), clock)),
  );
  prepared = { folder: made, first: first ?? '', second: second ?? '' };
});

afterAll(async () => {
  await rm(prepared.folder, { recursive: true, force: true });
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-exam-bench-'));
  lab = await openBenchLab(folder, clock);
});

afterEach(async () => {
  clock.setPace(1);
  await Promise.all(units.splice(0).map((unit) => unit.close()));
  await lab.close();
  await rm(folder, { recursive: true, force: true });
});

async function unitOf(
  attestation: 'tpm' | 'x509',
  serialNumber: string,
  change: Partial<LabUnitOptions> = {},
): Promise<LabUnit> {
  const state = attestation === 'tpm' ? { tpmState: prepared.first } : {};
  const options = { folder: join(folder, serialNumber), serialNumber, attestation, clock, ...state, ...change };
  const unit = await createLabUnit(options);
  units.push(unit);
  return unit;
}

function lastRow(): SqliteRow | undefined {
  return runRows(lab.database).at(-1);
}

/** The verdict on disk is the one that is shown, and the slot keeps showing it. */
function expectEnded(run: RunView, verdict: 'fail' | 'error', code: string): void {
  expect(run).toMatchObject({ state: verdict, fault: { code } });
  expect(run.fault?.hint).not.toBe('');
  expect(lastRow()).toMatchObject({ run_id: run.runId, verdict, code });
  expect(lab.bench.slots().find((slot) => slot.run?.runId === run.runId)?.run).toEqual(run);
}

function expectPassed(run: RunView): void {
  expect(run).toMatchObject({ state: 'pass', unitState: 'passed' });
  expect(run.phases.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'done', 'done', 'done']);
  expect(lastRow()).toMatchObject({ run_id: run.runId, verdict: 'pass', code: null });
}

function countOf(table: 'outbox' | 'intents' | 'runs' | 'units', where = '1'): number {
  return Number(sqliteRows(lab.database, `SELECT count(*) AS n FROM ${table} WHERE ${where}`)[0]?.['n']);
}

describe('a unit that does not belong here', () => {
  it('fails with serial-mismatch when another unit is in the slot than was scanned', async () => {
    lab.plug(1, await unitOf('x509', 'SN0001'));
    const run = await lab.run(1, 'SN0002', lab.openBatch());
    expectEnded(run, 'fail', 'serial-mismatch');
    expect(run.fault?.say).toContain('SN0001');
    expect(countOf('intents')).toBe(0);
  });

  it('fails with identity-taken when another unit holds its endorsement key, and nothing is written to it', async () => {
    const batch = lab.openBatch();
    lab.plug(1, await unitOf('tpm', 'SN0001'));
    expectPassed(await lab.run(1, 'SN0001', batch));
    lab.plug(2, await unitOf('tpm', 'SN0002', { tpmState: prepared.first }));
    const run = await lab.run(2, 'SN0002', batch);
    expectEnded(run, 'fail', 'identity-taken');
    expect(run.fault?.say).toContain('SN0001');
    expect(countOf('intents', 'run = 2')).toBe(0);
    expect(countOf('outbox')).toBe(1);
  });

  it('fails with csr-name-mismatch when it asks for a certificate in another name', async () => {
    lab.plug(1, await unitOf('x509', 'SN0001', { faults: { csrName: 'sn0099' } }));
    const run = await lab.run(1, 'SN0001', lab.openBatch());
    expectEnded(run, 'fail', 'csr-name-mismatch');
    expect(countOf('intents', `step = 'write-certificates'`)).toBe(0);
  });

  it('fails with csr-signature-wrong when it does not hold the key it asks a certificate for', async () => {
    lab.plug(1, await unitOf('x509', 'SN0001', { faults: { csrSignature: true } }));
    const run = await lab.run(1, 'SN0001', lab.openBatch());
    expect(run.fault?.code).toMatch(/^csr-/);
    expectEnded(run, 'fail', run.fault?.code ?? '');
  });

  it('fails with attestation-unsupported in a batch that asks for what it cannot do', async () => {
    lab.plug(1, await unitOf('x509', 'SN0001'));
    expectEnded(await lab.run(1, 'SN0001', lab.openBatch({ attestation: 'tpm' })), 'fail', 'attestation-unsupported');
    expect(countOf('intents')).toBe(0);
  });

  it('fails with ek-certificate-missing where the batch requires one', async () => {
    lab.plug(1, await unitOf('tpm', 'SN0001'));
    const batch = lab.openBatch({ ekCertificatePolicy: 'require' });
    expectEnded(await lab.run(1, 'SN0001', batch), 'fail', 'ek-certificate-missing');
  });
});

describe('a unit that does not keep what it was given', () => {
  it('fails when the certificate it reads back is another than was written', async () => {
    lab.plug(1, await unitOf('x509', 'SN0001', { faults: { certificateBit: true } }));
    expectEnded(await lab.run(1, 'SN0001', lab.openBatch()), 'fail', 'link-write-differs');
    expect(countOf('outbox')).toBe(0);
  });

  it('fails with read-back-differs when it acknowledged its settings and then lost them', async () => {
    const unit = await unitOf('tpm', 'SN0001');
    let reads = 0;
    // The first read is the acknowledgement itself [LINK-6.7].
    const settings = async () => ((reads += 1) === 1 ? unit.device.settings() : ok(undefined));
    lab.plug(1, unit, { ...unit.device, settings });
    expectEnded(await lab.run(1, 'SN0001', lab.openBatch()), 'fail', 'read-back-differs');
    expect(countOf('outbox')).toBe(0);
  });

  it('fails with read-back-differs when it acknowledged its certificate and then lost it', async () => {
    const unit = await unitOf('x509', 'SN0001');
    let reads = 0;
    const certificates = async () => ((reads += 1) === 1 ? unit.device.certificates() : ok([]));
    lab.plug(1, unit, { ...unit.device, certificates });
    expectEnded(await lab.run(1, 'SN0001', lab.openBatch()), 'fail', 'read-back-differs');
  });

  it('goes on with the key it made when the cable was pulled before the acknowledgement', async () => {
    const unit = await unitOf('x509', 'SN0001');
    const batch = lab.openBatch();
    let calls = 0;
    const generateKey: typeof unit.device.generateKey = async (requestId, algorithm) => {
      const made = await unit.device.generateKey!(requestId, algorithm);
      if ((calls += 1) === 1) lab.line(1).pull();
      return made;
    };
    lab.plug(1, unit, { ...unit.device, generateKey });
    expectEnded(await lab.run(1, 'SN0001', batch), 'error', 'link-lost');
    expect(countOf('intents', 'closed_ms IS NULL')).toBe(1);
    // Plugged in again before that, it could not know whether it had made one.
    while (!unit.isSettled()) await sleep(systemClock, 1);
    expectPassed(await lab.run(1, 'SN0001', batch));
    expect(unit.keysMade()).toBe(1);
    expect(countOf('intents', 'closed_ms IS NULL')).toBe(0);
    const claims = sqliteRows(lab.database, `SELECT value FROM claims WHERE kind = 'public-key'`);
    expect(claims).toHaveLength(1);
  });

  it('writes its settings once when the acknowledgement of them was lost', async () => {
    const unit = await unitOf('tpm', 'SN0001');
    const batch = lab.openBatch();
    let writes = 0;
    const storeSettings: typeof unit.device.storeSettings = async (settings) => {
      const stored = await unit.device.storeSettings(settings);
      if ((writes += 1) === 1) lab.line(1).pull();
      return stored;
    };
    lab.plug(1, unit, { ...unit.device, storeSettings });
    expectEnded(await lab.run(1, 'SN0001', batch), 'error', 'link-lost');
    // Plugged in again before that, it could not know whether it had written them, and would do it once more.
    while (!unit.isSettled()) await sleep(systemClock, 1);
    expectPassed(await lab.run(1, 'SN0001', batch));
    expect(writes).toBe(1);
  });
});

describe('a scan that cannot begin a run', () => {
  it('is refused with batch-full, and no row is made for it', async () => {
    const batch = lab.openBatch({ quantity: 1 });
    lab.plug(1, await unitOf('x509', 'SN0001'));
    lab.plug(2, await unitOf('x509', 'SN0002'));
    expectPassed(await lab.run(1, 'SN0001', batch));
    expect(await lab.scan(2, 'SN0002', batch)).toMatchObject({ ok: false, fault: { code: 'batch-full' } });
    expect(lab.bench.slots()[1]?.run).toBeUndefined();
    expect(countOf('units')).toBe(1);
    expect(countOf('runs')).toBe(1);
  });

  it('is refused with slot-busy while the slot works, and the run goes on', async () => {
    const batch = lab.openBatch();
    const unit = await unitOf('x509', 'SN0001');
    lab.plug(1, unit);
    const first = await lab.scan(1, 'SN0001', batch);
    expect(first.ok).toBe(true);
    expect(await lab.scan(1, 'SN0001', batch)).toMatchObject({ ok: false, fault: { code: 'slot-busy' } });
    expect(await lab.scan(1, 'SN0002', batch)).toMatchObject({ ok: false, fault: { code: 'slot-busy' } });
    expectPassed(await lab.verdict(1));
    expect(countOf('runs')).toBe(1);
  });

  it('is refused with serial-in-work while another slot works on that serial number', async () => {
    const batch = lab.openBatch();
    lab.plug(1, await unitOf('x509', 'SN0001'));
    lab.plug(2, await unitOf('x509', 'SN0002'));
    await lab.scan(1, 'SN0001', batch);
    expect(await lab.scan(2, 'SN0001', batch)).toMatchObject({ ok: false, fault: { code: 'serial-in-work' } });
    expect(await lab.scan(undefined, 'SN0001', batch)).toMatchObject({ ok: false, fault: { code: 'serial-in-work' } });
    expectPassed(await lab.verdict(1));
  });

  it('is refused with slot-empty where nothing is plugged in, and slot-unknown where there is no slot', async () => {
    const batch = lab.openBatch();
    expect(await lab.scan(1, 'SN0001', batch)).toMatchObject({ ok: false, fault: { code: 'slot-empty' } });
    expect(await lab.scan(9, 'SN0001', batch)).toMatchObject({ ok: false, fault: { code: 'slot-unknown' } });
    expect(await lab.scan(undefined, 'SN0001', batch)).toMatchObject({ ok: false, fault: { code: 'slot-none-ready' } });
    expect(countOf('runs')).toBe(0);
  });

  it('is refused with unit-already-passed for a unit that passed, and the pass stays', async () => {
    const batch = lab.openBatch();
    lab.plug(1, await unitOf('tpm', 'SN0001'));
    expectPassed(await lab.run(1, 'SN0001', batch));
    expect(await lab.scan(1, 'SN0001', batch)).toMatchObject({ ok: false, fault: { code: 'unit-already-passed' } });
    expect(lab.bench.slots()[0]?.run).toMatchObject({ state: 'pass', serialNumber: 'SN0001' });
    expect(runRows(lab.database).map(({ verdict }) => verdict)).toEqual(['pass']);
  });
});

describe('a run that is stopped', () => {
  it('ends with run-aborted before the next device write, and the next scan passes', async () => {
    const batch = lab.openBatch();
    const unit = await unitOf('x509', 'SN0001');
    lab.plug(1, unit);
    await lab.scan(1, 'SN0001', batch);
    await lab.until(
      1,
      ({ run }) => run?.phases.some(({ phase, state }) => phase === 'prove' && state === 'doing') === true,
    );
    lab.bench.abort(1);
    expectEnded(await lab.verdict(1), 'error', 'run-aborted');
    expect(countOf('intents', `step <> 'generate-key'`)).toBe(0);
    expectPassed(await lab.run(1, 'SN0001', batch));
    expect(countOf('outbox')).toBe(1);
  });

  it('ends with station-restarted when the bench closes', async () => {
    lab.plug(1, await unitOf('x509', 'SN0001'));
    await lab.scan(1, 'SN0001', lab.openBatch());
    await lab.bench.close();
    expectEnded(await lab.verdict(1), 'error', 'station-restarted');
  });
});

describe('a unit that belongs here', () => {
  it('passes with a TPM: its keys, its claims and its enrollment are in one commit', async () => {
    lab.plug(1, await unitOf('tpm', 'SN0001', { tpmState: prepared.second }));
    const run = await lab.run(1, 'SN0001', lab.openBatch({ attestation: 'tpm' }));
    expectPassed(run);
    expect(run.registrationId).toMatch(/^[a-z2-7]{52}$/);
    const [entry] = sqliteRows(lab.database, 'SELECT * FROM outbox');
    expect(entry).toMatchObject({ key: run.registrationId, state: 'pending' });
    expect(JSON.parse(String(entry?.['body']))).toMatchObject({
      attestation: { type: 'tpm' },
      deviceId: run.registrationId,
    });
  });

  it('passes with a TPM that needs 15 seconds for every answer', async () => {
    const unit = await unitOf('tpm', 'SN0001', { answerDelayMs: 15_000 });
    // Time is hurried only while the TPM makes the station wait: everything else keeps its real pace.
    const tpmTransmit = async (command: Uint8Array) => {
      lab.line(1).setPace(60);
      const answer = await unit.device.tpmTransmit!(command);
      lab.line(1).setPace(1);
      return answer;
    };
    lab.plug(1, unit, { ...unit.device, tpmTransmit });
    const startedMs = clock.monotonicMs();
    expectPassed(await lab.run(1, 'SN0001', lab.openBatch()));
    expect(clock.monotonicMs() - startedMs).toBeGreaterThan(60_000);
  });

  it('passes with X.509, and two units get two keys, two names and one group', async () => {
    const batch = lab.openBatch({ attestation: 'x509', enrollmentKind: 'group' });
    lab.plug(1, await unitOf('x509', 'SN0001'));
    lab.plug(2, await unitOf('x509', 'SN0002'));
    await Promise.all([lab.scan(1, 'SN0001', batch), lab.scan(2, 'SN0002', batch)]);
    const runs = await Promise.all([lab.verdict(1), lab.verdict(2)]);
    expect(runs.map(({ state, registrationId }) => [state, registrationId])).toEqual([
      ['pass', 'sn0001'],
      ['pass', 'sn0002'],
    ]);
    expect(countOf('outbox')).toBe(1);
    expect(sqliteRows(lab.database, `SELECT value FROM claims WHERE kind = 'public-key'`)).toHaveLength(2);
  });

  it('keeps its verdict in the slot when it is pulled out, until the next scan', async () => {
    lab.plug(1, await unitOf('x509', 'SN0001'));
    const run = await lab.run(1, 'SN0001', lab.openBatch());
    lab.bench.plugged(1, false);
    expect(lab.bench.slots()[0]).toMatchObject({ port: { state: 'empty' }, run: { runId: run.runId, state: 'pass' } });
  });
});
