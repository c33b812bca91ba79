/**
 * Phase x power cut of a unit, over real pseudo-terminals and port hosts, with no service to be reached: each run ends in
 * a coded verdict, and the unit passes when it has its power back.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { type LoopbackBlock, claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { loadOrCreateTlsAuthority } from '../../src-main/lib/x509/tls-authority.ts';
import { phases } from '../../src-main/contract/views.ts';
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

let folder: string;
let block: LoopbackBlock;
let bed: StationBed;
const ran = new Set<string>();
/** The cut is a signal to another process: from here on the run may be faster than it. */
const mayPassIn: readonly string[] = ['write', 'verify', 'commit'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-survival-power-'));
  block = must(claimLoopbackBlock());
  const tls = join(folder, 'tls');
  must(await loadOrCreateTlsAuthority(tls, { clock: systemClock, random: systemRandom }));
  // Nobody listens there: a technician goes on working.
  const host = `${block.base}.1`;
  const connectionString = `HostName=${host};SharedAccessKeyName=owner;SharedAccessKey=${'A'.repeat(43)}=`;
  const target = { connectionString, idScope: '0ne00000000', endpoint: host, caFile: join(tls, 'ca.pem') };
  const agents = cells.map(({ slot, serialNumber, kind }) => ({ slot, serialNumber, attestation: kind }));
  bed = await openStationBed(folder, target, agents);
  await bed.start();
  const { signers } = must(await bed.station().call('signer.list', {}));
  const signerId = signers[0]?.signerId;
  must(await bed.station().call('batch.open', { terms: { ...labTerms, ...(signerId && { signerId }) } }));
});

afterAll(async () => {
  await writeCells('survival-power', ran.size, phases.length * kinds.length);
  await bed.close();
  block.release();
  await rm(folder, { recursive: true, force: true });
});

function port(slot: number, state: 'ready' | 'empty'): Promise<true> {
  const look = async () => ((await bed.slot(slot)).port.state === state ? true : undefined);
  return eventually(look, () => `slot ${slot} ${state}\n${bed.printed()}`);
}

async function verdict(slot: number): Promise<{ readonly state: string; readonly code: string | undefined }> {
  const look = async () => {
    const { run } = await bed.slot(slot);
    return run === undefined || run.state === 'working' ? undefined : { state: run.state, code: run.fault?.code };
  };
  return eventually(look, () => `the verdict of slot ${slot}\n${bed.printed()}`);
}

describe('a unit that loses its power', () => {
  it.each(cells)('survives: $kind unit, power cut in $phase', async ({ kind, phase, slot, serialNumber }) => {
    ran.add(`${kind} ${phase}`);
    await port(slot, 'ready');
    const cut = bed.cutPowerIn(slot, phase);
    must(await bed.station().call('bench.scan', { text: serialNumber, slot }));
    await cut;
    const first = await verdict(slot);
    await bed.restorePower(slot);
    await port(slot, 'ready');
    const row = runRows(bed.database).at(-1);
    expect(row).toMatchObject({ verdict: first.state, code: first.code ?? null });
    if (first.state === 'pass') {
      // Power that goes late may find everything written: never before the unit holds what it needs.
      expect(mayPassIn).toContain(phase);
    } else {
      // A cut in the first phase may come before the port is open.
      const codes = phase === 'connect' ? ['link-lost', 'port-missing'] : ['link-lost'];
      expect(first.state).toBe('error');
      expect(codes).toContain(first.code);
      // In the phase or in a later one, and not in the commit, which needs the unit no more.
      const at = phases.indexOf(row?.['phase'] as (typeof phases)[number]);
      expect(at).toBeGreaterThanOrEqual(phases.indexOf(phase));
      expect(at).toBeLessThan(phases.indexOf('commit'));
    }
    if (first.state !== 'pass') {
      must(await bed.station().call('bench.scan', { text: serialNumber, slot }));
      expect(await verdict(slot)).toEqual({ state: 'pass', code: undefined });
    }
  });
});

describe('the table of phase x power cut', () => {
  it('has run all 12 cells: 6 phases, 2 kinds of unit', () => {
    expect(ran.size).toBe(12);
    expect(phases.length * kinds.length).toBe(12);
  });

  it('left one pass and identities of its own for each unit, and enrollments that wait for the service', async () => {
    const count = (sql: string): number => sqliteRows(bed.database, sql).length;
    expect(count(`SELECT unit FROM runs WHERE verdict = 'pass' GROUP BY unit HAVING count(*) = 1`)).toBe(12);
    expect(count(`SELECT unit FROM runs WHERE verdict = 'pass'`)).toBe(12);
    expect(count('SELECT kind FROM claims GROUP BY kind, value HAVING count(DISTINCT unit) > 1')).toBe(0);
    expect(count(`SELECT unit FROM claims WHERE kind = 'ek'`)).toBe(6);
    expect(count('SELECT seq FROM intents WHERE closed_ms IS NULL')).toBe(0);
    expect(count('SELECT seq FROM runs WHERE verdict IS NULL')).toBe(0);
    expect(count(`SELECT id FROM outbox WHERE sent_ms IS NULL`)).toBe(12);
    expect(must(await bed.station().call('station.get', {})).target).toMatchObject({ state: 'offline', sent: 0 });
  });
});
