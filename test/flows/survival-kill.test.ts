/** Phase x SIGKILL of the station: it starts again on the same data, and the unit passes exactly once. */
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { phases } from '../../src-main/contract/views.ts';
import { type ServiceBed, openServiceBed } from './service-bed.ts';
import { labTerms } from './support/bench-lab.ts';
import { writeCells } from './support/cells.ts';
import { type StationBed, eventually, openStationBed } from './support/station-bed.ts';
import { runRows, sqliteRows } from './support/witness-sqlite.ts';

const kinds = ['tpm', 'x509'] as const;
const cells = kinds.flatMap((kind, row) =>
  phases.map((phase, column) => {
    const slot = row * phases.length + column + 1;
    return { kind, phase, slot, serialNumber: `SN${String(slot).padStart(4, '0')}` };
  }),
);
const passedStates = ['passed', 'enrolled', 'registered', 'seen'];

let folder: string;
let service: ServiceBed;
let bed: StationBed;
const ran = new Set<string>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-survival-kill-'));
  service = await openServiceBed(1);
  const { ready, address } = service;
  const { serviceConnectionString: connectionString, idScope, caFile } = ready;
  const target = { connectionString, idScope, caFile, endpoint: `${address}:${ready.ports.https}` };
  const agents = cells.map(({ slot, serialNumber, kind }) => ({ slot, serialNumber, attestation: kind }));
  bed = await openStationBed(folder, target, agents);
  await bed.start();
  const { signers } = must(await bed.station().call('signer.list', {}));
  const signerId = signers[0]?.signerId;
  must(await bed.station().call('batch.open', { terms: { ...labTerms, ...(signerId && { signerId }) } }));
});

afterAll(async () => {
  await writeCells('survival-kill', ran.size, phases.length * kinds.length);
  await bed.close();
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

/** Whether the unit has passed. The station takes it up again by itself; where that run ended in an error, it is scanned. */
async function hasPassed(slot: number, serialNumber: string): Promise<true | undefined> {
  const unit = await bed.unit(serialNumber);
  if (unit !== undefined && passedStates.includes(unit.state)) return true;
  const { run } = await bed.slot(slot);
  // The run that died with the station is none to scan after: its unit is taken up without anybody's doing.
  const isOver = run !== undefined && run.state !== 'working' && run.fault?.code !== 'station-restarted';
  if (isOver) await bed.station().call('bench.scan', { text: serialNumber, slot });
  return undefined;
}

describe('a station that is killed', () => {
  it.each(cells)('survives: $kind unit, SIGKILL in $phase', async ({ kind, phase, slot, serialNumber }) => {
    ran.add(`${kind} ${phase}`);
    await eventually(
      async () => ((await bed.slot(slot)).port.state === 'ready' ? true : undefined),
      () => 'the port',
    );
    const killed = bed.killIn(slot, phase);
    void bed.station().call('bench.scan', { text: serialNumber, slot });
    await killed;
    await bed.start();
    await eventually(
      () => hasPassed(slot, serialNumber),
      () => `${serialNumber}\n${bed.printed()}`,
    );
    const runs = runRows(bed.database).filter((run) => run['serial_number'] === serialNumber);
    expect(runs.map((run) => run['verdict']).filter((verdict) => verdict === 'pass')).toEqual(['pass']);
    expect(runs.at(-1)).toMatchObject({ verdict: 'pass', code: null });
    // Whatever run was open when the process died has its row and its reason.
    for (const run of runs.slice(0, -1)) expect(run).toMatchObject({ verdict: 'error', code: 'station-restarted' });
    // Only in the commit can the process have died after the pass was on disk: then there is nothing to take up.
    const attempts = phase === 'commit' ? [1, 2] : [2];
    expect(attempts).toContain(runs.length);
  });
});

describe('the table of phase x SIGKILL', () => {
  it('has run all 12 cells: 6 phases, 2 kinds of unit', () => {
    expect(ran.size).toBe(12);
    expect(phases.length * kinds.length).toBe(12);
  });

  it('left one pass, one enrollment and identities of its own for each unit', async () => {
    const count = (sql: string): number => sqliteRows(bed.database, sql).length;
    expect(count(`SELECT unit FROM runs WHERE verdict = 'pass' GROUP BY unit HAVING count(*) = 1`)).toBe(12);
    expect(count(`SELECT unit FROM runs WHERE verdict = 'pass'`)).toBe(12);
    expect(count('SELECT kind FROM claims GROUP BY kind, value HAVING count(DISTINCT unit) > 1')).toBe(0);
    expect(count(`SELECT unit FROM claims WHERE kind = 'ek'`)).toBe(6);
    expect(count('SELECT seq FROM intents WHERE closed_ms IS NULL')).toBe(0);
    expect(count('SELECT seq FROM runs WHERE verdict IS NULL')).toBe(0);
    await eventually(
      async () => (count(`SELECT id FROM outbox WHERE state <> 'sent'`) === 0 ? true : undefined),
      () => `the outbox\n${bed.printed()}`,
    );
    const keys = sqliteRows(bed.database, 'SELECT key FROM outbox ORDER BY key').map((row) => row['key']);
    expect(keys).toHaveLength(12);
    const page = must(await service.client.enrollments.query({ maxItems: 100 }));
    expect(page.items.map(({ registrationId }) => registrationId).sort()).toEqual(keys);
  });

  it('certified a key of its own for each X.509 unit, and one that was cut before its proof made no other', () => {
    const keys = sqliteRows(
      bed.database,
      `SELECT serial_number, value FROM claims JOIN units ON units.seq = claims.unit WHERE kind = 'public-key'`,
    );
    const certified = sqliteRows(
      bed.database,
      `SELECT serial_number, json_extract(evidence, '$.certificateChain') AS pem FROM runs
        JOIN units ON units.seq = runs.unit WHERE verdict = 'pass' AND runs.attestation = 'x509'`,
    );
    expect(certified).toHaveLength(6);
    for (const { serialNumber, phase } of cells.filter(({ kind }) => kind === 'x509')) {
      const own = keys.flatMap((row) => (row['serial_number'] === serialNumber ? [row['value']] : []));
      const pem = certified.find((row) => row['serial_number'] === serialNumber)?.['pem'];
      const spki = new X509Certificate(String(pem)).publicKey.export({ type: 'spki', format: 'der' });
      expect(own, serialNumber).toContain(createHash('sha256').update(spki).digest('hex'));
      // A run that had its key acknowledged before it died is followed by one that makes a key of its own.
      const most = phases.indexOf(phase) < phases.indexOf('prove') ? 1 : 2;
      expect(own.length, `${serialNumber} in ${phase}`).toBeLessThanOrEqual(most);
    }
  });
});
