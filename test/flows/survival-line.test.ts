/** Phase x fault of the line: each cell ends in a coded verdict or in resumed work, and its unit passes exactly once. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phases } from '../../src-main/contract/views.ts';
import { type BenchLab, openBenchLab } from './support/bench-lab.ts';
import { writeCells } from './support/cells.ts';
import { type LineFault, lineFaults } from './support/lab-line.ts';
import { createLabUnit, prepareTpmState } from './support/lab-unit.ts';
import { pacedClock } from './support/paced-clock.ts';
import { runRows, sqliteRows } from './support/witness-sqlite.ts';

const kinds = ['tpm', 'x509'] as const;
const cells = kinds.flatMap((kind) => lineFaults.flatMap((fault) => phases.map((phase) => ({ kind, fault, phase }))));

/** What ends a run; a damaged frame is repeated, and the commit needs the unit no more. */
const ends: Readonly<Record<LineFault, string | undefined>> = {
  unplug: 'link-lost',
  'silent unit': 'link-silent',
  'truncated frame': undefined,
  'corrupted frame': undefined,
};

const clock = pacedClock();
let folder: string;
let lab: BenchLab;
let batchId: string;
const ran = new Set<string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-survival-line-'));
  lab = await openBenchLab(join(folder, 'station'), clock);
  batchId = lab.openBatch();
});

afterAll(async () => {
  await writeCells('survival-line', ran.size, phases.length * lineFaults.length * kinds.length);
  await lab.close();
  await rm(folder, { recursive: true, force: true });
});

async function unitFor(kind: 'tpm' | 'x509', serialNumber: string) {
  const unitFolder = join(folder, serialNumber);
  // Each unit has keys of its own: the store would know a copy.
  if (kind === 'tpm') await prepareTpmState(join(unitFolder, 'software-tpm.json'), clock);
  return createLabUnit({ folder: unitFolder, serialNumber, attestation: kind, clock });
}

function verdictsOf(serialNumber: string): readonly unknown[] {
  return runRows(lab.database).flatMap((run) => (run['serial_number'] === serialNumber ? [run['verdict']] : []));
}

describe('a unit and its line', () => {
  it.each(cells)('survive: $kind, $fault in $phase', async ({ kind, fault, phase }) => {
    const serialNumber = `SN${String(ran.size + 1).padStart(4, '0')}`;
    ran.add(`${kind} ${fault} ${phase}`);
    const unit = await unitFor(kind, serialNumber);
    lab.plug(1, unit);
    const line = lab.line(1);
    line.arm(fault, phase);
    const first = await lab.run(1, serialNumber, batchId);
    expect(line.hasStruck).toBe(true);
    line.mend();
    const code = phase === 'commit' ? undefined : ends[fault];
    expect([first.state, first.fault?.code]).toEqual([code === undefined ? 'pass' : 'error', code]);
    expect(runRows(lab.database).at(-1)).toMatchObject({
      run_id: first.runId,
      verdict: first.state,
      code: code ?? null,
    });
    if (code !== undefined) {
      expect(first.phases.find(({ state }) => state === 'failed')?.phase).toBe(phase);
      expect(await lab.run(1, serialNumber, batchId)).toMatchObject({ state: 'pass' });
    }
    expect(verdictsOf(serialNumber).filter((verdict) => verdict === 'pass')).toEqual(['pass']);
    await unit.close();
  });
});

describe('the table of phase x line fault', () => {
  it('has run all 48 cells: 6 phases, 4 faults, 2 kinds of unit', () => {
    expect(ran.size).toBe(48);
    expect(phases.length * lineFaults.length * kinds.length).toBe(48);
  });

  it('left every unit with one pass, one enrollment and identities of its own', () => {
    const passed = sqliteRows(
      lab.database,
      `SELECT unit, count(*) AS n FROM runs WHERE verdict = 'pass' GROUP BY unit`,
    );
    expect(passed.map((row) => row['n'])).toEqual(Array(48).fill(1));
    const enrolled = sqliteRows(lab.database, `SELECT key FROM outbox WHERE kind = 'individual'`);
    expect(new Set(enrolled.map((row) => row['key'])).size).toBe(48);
    expect(enrolled).toHaveLength(48);
    const shared = `SELECT kind, value FROM claims GROUP BY kind, value HAVING count(DISTINCT unit) > 1`;
    expect(sqliteRows(lab.database, shared)).toEqual([]);
    expect(sqliteRows(lab.database, `SELECT unit FROM claims WHERE kind = 'ek'`)).toHaveLength(24);
    expect(sqliteRows(lab.database, 'SELECT * FROM intents WHERE closed_ms IS NULL')).toEqual([]);
    expect(sqliteRows(lab.database, 'SELECT * FROM runs WHERE verdict IS NULL')).toEqual([]);
  });
});
