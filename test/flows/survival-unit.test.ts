/**
 * The wrong unit, the hasty technician and the slow TPM, on real devices over a line in this process: each cell ends in
 * its own coded verdict or refusal, nothing is written to a unit that does not belong, and the right unit passes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { phases } from '../../src-main/contract/views.ts';
import { type BenchLab, openBenchLab } from './support/bench-lab.ts';
import { writeCells } from './support/cells.ts';
import { type LabUnit, type LabUnitOptions, createLabUnit, prepareTpmState } from './support/lab-unit.ts';
import { pacedClock } from './support/paced-clock.ts';
import { runRows, sqliteRows } from './support/witness-sqlite.ts';

const kinds = ['tpm', 'x509'] as const;
type Kind = (typeof kinds)[number];

const secondScans = kinds.flatMap((kind) => phases.map((phase) => ({ kind, phase })));
const wrongUnits = [
  { fault: 'serial mismatch', kind: 'tpm', code: 'serial-mismatch', phase: 'identify' },
  { fault: 'serial mismatch', kind: 'x509', code: 'serial-mismatch', phase: 'identify' },
  { fault: 'EK already used', kind: 'tpm', code: 'identity-taken', phase: 'prove' },
  { fault: 'CSR for another name', kind: 'x509', code: 'csr-name-mismatch', phase: 'prove' },
] as const;
const slowTpms = 1;
const expected = secondScans.length + wrongUnits.length + slowTpms;

const clock = pacedClock();
let folder: string;
let lab: BenchLab;
let batchId: string;
let made = 0;
const ran = new Set<string>();
const units: LabUnit[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-survival-unit-'));
  lab = await openBenchLab(join(folder, 'station'), clock);
  batchId = lab.openBatch();
});

afterEach(async () => {
  lab.line(1).mend();
  await Promise.all(units.splice(0).map((unit) => unit.close()));
});

afterAll(async () => {
  await writeCells('survival-unit', ran.size, expected);
  await lab.close();
  await rm(folder, { recursive: true, force: true });
});

function freshSerial(): string {
  made += 1;
  return `SN${String(made).padStart(4, '0')}`;
}

/** A unit with keys of its own, unless it is told to be a copy. */
async function unitOf(kind: Kind, serialNumber: string, change: Partial<LabUnitOptions> = {}): Promise<LabUnit> {
  const unitFolder = join(folder, `${serialNumber}-${units.length}`);
  const own = join(unitFolder, 'software-tpm.json');
  if (kind === 'tpm' && change.tpmState === undefined) await prepareTpmState(own, clock);
  const unit = await createLabUnit({ folder: unitFolder, serialNumber, attestation: kind, clock, ...change });
  units.push(unit);
  return unit;
}

function rowsOf(serialNumber: string) {
  return runRows(lab.database).filter((run) => run['serial_number'] === serialNumber);
}

/** Intents of the last run: what it was about to write. */
function intentsOf(runId: string): readonly unknown[] {
  const sql = `SELECT step FROM intents JOIN runs ON runs.seq = intents.run WHERE run_id = '${runId}'`;
  return sqliteRows(lab.database, sql).map((row) => row['step']);
}

/** The unit that has the fault, and what is scanned for it. */
async function wrongUnit(fault: (typeof wrongUnits)[number]['fault'], kind: Kind, scanned: string): Promise<LabUnit> {
  switch (fault) {
    case 'serial mismatch':
      return unitOf(kind, freshSerial());
    case 'EK already used': {
      const holder = freshSerial();
      const tpmState = await prepareTpmState(join(folder, 'shared-tpm.json'), clock);
      lab.plug(1, await unitOf('tpm', holder, { tpmState }));
      expect(await lab.run(1, holder, batchId)).toMatchObject({ state: 'pass' });
      return unitOf('tpm', scanned, { tpmState });
    }
    case 'CSR for another name':
      return unitOf('x509', scanned, { faults: { csrName: 'sn9999' } });
  }
}

describe('a unit that does not belong', () => {
  it.each(wrongUnits)('is stopped: $fault, $kind unit', async ({ fault, kind, code, phase }) => {
    ran.add(`${kind} ${fault}`);
    const serialNumber = freshSerial();
    lab.plug(1, await wrongUnit(fault, kind, serialNumber));
    const run = await lab.run(1, serialNumber, batchId);
    expect(run).toMatchObject({ state: 'fail', fault: { code } });
    expect(rowsOf(serialNumber)).toMatchObject([{ run_id: run.runId, verdict: 'fail', phase, code }]);
    // A key that the unit made in itself is no identity that was given to it.
    expect(intentsOf(run.runId).filter((step) => step !== 'generate-key')).toEqual([]);
    lab.plug(1, await unitOf(kind, serialNumber));
    expect(await lab.run(1, serialNumber, batchId)).toMatchObject({ state: 'pass' });
    expect(rowsOf(serialNumber).map(({ verdict }) => verdict)).toEqual(['fail', 'pass']);
  });
});

describe('a second scan', () => {
  it.each(secondScans)('is refused, and the run goes on: $kind unit in $phase', async ({ kind, phase }) => {
    ran.add(`${kind} second scan ${phase}`);
    const [serialNumber, other] = [freshSerial(), freshSerial()];
    lab.plug(1, await unitOf(kind, serialNumber));
    const again = lab.inPhase(1, phase, () => {
      return Promise.all([lab.scan(1, serialNumber, batchId), lab.scan(1, other, batchId)]);
    });
    const run = await lab.run(1, serialNumber, batchId);
    const refused = { ok: false, fault: { code: 'slot-busy' } };
    expect(await again).toMatchObject([refused, refused]);
    expect(run).toMatchObject({ state: 'pass' });
    expect(rowsOf(serialNumber)).toMatchObject([{ run_id: run.runId, verdict: 'pass', code: null }]);
    expect(rowsOf(other)).toEqual([]);
  });
});

describe('a TPM that needs 15 seconds for every answer', () => {
  it('is waited for, and its unit passes', async () => {
    ran.add('tpm slow');
    const serialNumber = freshSerial();
    const unit = await unitOf('tpm', serialNumber, { answerDelayMs: 15_000 });
    // Time is hurried only while the TPM makes the station wait: everything else keeps its real pace.
    const tpmTransmit = async (command: Uint8Array) => {
      lab.line(1).setPace(60);
      const answer = await unit.device.tpmTransmit!(command);
      lab.line(1).setPace(1);
      return answer;
    };
    lab.plug(1, unit, { ...unit.device, tpmTransmit });
    const startedMs = clock.monotonicMs();
    expect(await lab.run(1, serialNumber, batchId)).toMatchObject({ state: 'pass' });
    expect(clock.monotonicMs() - startedMs).toBeGreaterThan(60_000);
    expect(rowsOf(serialNumber)).toMatchObject([{ verdict: 'pass', code: null }]);
  });
});

describe('the table of wrong units, second scans and slow TPMs', () => {
  it('has run all 17 cells', () => {
    expect(expected).toBe(17);
    expect(ran.size).toBe(expected);
  });

  it('left no run without a verdict, no write unfinished and no identity with two units', () => {
    expect(sqliteRows(lab.database, 'SELECT * FROM runs WHERE verdict IS NULL')).toEqual([]);
    // The key of the unit with the wrong name is made again, not finished.
    expect(sqliteRows(lab.database, 'SELECT * FROM intents WHERE closed_ms IS NULL')).toEqual([]);
    const shared = `SELECT kind, value FROM claims GROUP BY kind, value HAVING count(DISTINCT unit) > 1`;
    expect(sqliteRows(lab.database, shared)).toEqual([]);
  });
});
