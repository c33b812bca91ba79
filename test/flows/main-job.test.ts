/** The main job from the command line, then our own report checked by witnesses that share no code with us. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { certificatesToPem, toPem } from '../../src-main/lib/x509/pem.ts';
import { type LoopbackBlock, claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import type { HeadlessResult } from '../../src-main/cli/headless.ts';
import { type JobEnd, pathWithout, resultIn, runMainJob } from './support/main-job.ts';
import {
  type SdkLists,
  askWithSdks,
  registerWithSdk,
  registrationIdInSwtpm,
  withServiceAgain,
} from './support/outside-witness.ts';
import { runRows, sqliteRows } from './support/witness-sqlite.ts';

let block: LoopbackBlock;
let folder: string;

beforeAll(() => {
  block = must(claimLoopbackBlock());
  folder = mkdtempSync(join(tmpdir(), 'benchline-main-job-'));
});

afterAll(() => {
  block.release();
  rmSync(folder, { recursive: true, force: true });
});

/** How a virtual unit of ours proves itself, taken from its own state folder. */
function proofOf(unit: string, attestation: string, tpm: 'swtpm' | 'software', registrationId: string) {
  if (attestation === 'tpm') {
    const place = tpm === 'swtpm' ? { folder: join(unit, 'swtpm') } : { folder: unit, file: 'software-tpm.json' };
    return { tpm: { kind: tpm, ...place } };
  }
  const slot = readFileSync(join(unit, 'certificates.slot'), 'utf8').trim();
  const held = readFileSync(join(unit, `certificates.${slot}`));
  // The slot begins with the SHA-256 of what follows.
  const { chain, privateKey } = JSON.parse(held.subarray(32).toString()) as { chain: string[]; privateKey: string };
  const cert = certificatesToPem(chain.map((der) => Buffer.from(der, 'base64')));
  return { x509: { registrationId, cert, key: toPem('PRIVATE KEY', Buffer.from(privateKey, 'base64')) } };
}

function ids(result: HeadlessResult, attestation: 'tpm' | 'x509'): readonly string[] {
  return result.registrations.flatMap((row) => (row.attestation === attestation ? [row.registrationId] : [])).sort();
}

// Each kind of TPM has addresses of its own, so that one suite's leavings are never the other's.
describe.each([
  { tpm: 'swtpm' as const, host: 1 },
  { tpm: 'software' as const, host: 101 },
])('the main job with 4 units, TPM by $tpm', ({ tpm, host }) => {
  let data: string;
  let jsonFile: string;
  let listen: string;
  let end: JobEnd;
  let result: HeadlessResult;

  beforeAll(async () => {
    data = join(folder, tpm);
    jsonFile = join(folder, `${tpm}.json`);
    listen = `${block.base}.${host}`;
    end = await runMainJob({ data, listen, tpm, jsonFile });
    if (end.code !== 0) throw new Error(`the main job ended with ${end.code}: ${end.text}`);
    result = resultIn(jsonFile);
  });

  it('ends with 0, a summary, and the counts that the issue names', () => {
    expect(end.text).toContain('4 units: 4 passed, 0 failed; 4 enrolled, 4 registered, 4 seen in their hubs');
    const counts = { units: 4, passed: 4, failed: 0, enrolled: 4, registered: 4, seen: 4, parked: 0, duplicates: 0 };
    expect(result).toMatchObject({ ...counts, tpm });
    expect(result.seconds).toBeGreaterThan(0);
    expect(Object.values(result.assigned).reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(ids(result, 'tpm')).toHaveLength(2);
    expect(ids(result, 'x509')).toHaveLength(2);
    for (const { hub } of result.registrations)
      expect(hub).toMatch(new RegExp(`^${block.base}\\.${host + 10}$|^${block.base}\\.${host + 11}$`));
  });

  it('spoke to each unit through a port host of its own, seen in /proc', () => {
    const units = readdirSync(join(data, 'virtual-bench'));
    expect(units).toHaveLength(4);
    expect([...end.hostedPorts].sort()).toEqual(units.map((unit) => join(data, 'virtual-bench', unit, 'tty')).sort());
  });

  it('made registrations that the unmodified device SDKs make again, to the same hubs, with the same proofs', async () => {
    const rows = sqliteRows(join(data, 'station.db'), 'SELECT serial_number, registration_id FROM units');
    const serialOf = new Map(rows.map((row) => [row['registration_id'], String(row['serial_number'])]));
    const again = await withServiceAgain(join(data, 'service'), listen, async (ready) => {
      const seen: unknown[] = [];
      // One after the other: two clients of one machine's two cores would only wait for each other.
      for (const { registrationId, attestation } of result.registrations) {
        const unit = join(data, 'virtual-bench', serialOf.get(registrationId) ?? '');
        const witness = await registerWithSdk(ready, proofOf(unit, attestation, tpm, registrationId));
        seen.push(witness);
      }
      return seen;
    });
    expect(again).toMatchObject(
      result.registrations.map(({ deviceId, hub }) => ({ deviceId, assignedHub: hub, desired: { $version: 1 } })),
    );
  });

  it('left a store in which the sqlite3 tool finds every enrollment sent and every verdict a pass', () => {
    const file = join(data, 'station.db');
    const outbox = sqliteRows(file, 'SELECT kind, key, state FROM outbox ORDER BY kind, key');
    const individual = ids(result, 'tpm').map((key) => ({ kind: 'individual', key, state: 'sent' }));
    expect(outbox.filter(({ kind }) => kind === 'individual')).toEqual(individual);
    expect(outbox.filter(({ kind }) => kind === 'group').map(({ state }) => state)).toEqual(['sent']);
    expect(runRows(file).map(({ verdict }) => verdict)).toEqual(['pass', 'pass', 'pass', 'pass']);
    const units = sqliteRows(file, 'SELECT registration_id, device_id, hub, state FROM units ORDER BY registration_id');
    const reported = [...result.registrations].sort((a, b) => (a.registrationId < b.registrationId ? -1 : 1));
    expect(units).toEqual(
      reported.map(({ registrationId, deviceId, hub }) => ({
        ...{ registration_id: registrationId, device_id: deviceId, hub },
        state: 'seen',
      })),
    );
    expect(sqliteRows(file, 'PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  if (tpm === 'swtpm')
    it('named each TPM unit by the key that tpm2_readpublic reads in its state', async () => {
      const units = readdirSync(join(data, 'virtual-bench')).filter((unit) =>
        readdirSync(join(data, 'virtual-bench', unit)).includes('swtpm'),
      );
      expect(units).toHaveLength(2);
      const seen: string[] = [];
      for (const unit of units) seen.push(await registrationIdInSwtpm(join(data, 'virtual-bench', unit, 'swtpm')));
      expect(seen.sort()).toEqual(ids(result, 'tpm'));
    });

  it('left a service whose lists, read by unmodified Azure SDKs, are those of the report', async () => {
    const lists: SdkLists = await askWithSdks(join(data, 'service'), listen);
    const { registrations } = result;
    const devices = Object.entries(lists.devices).flatMap(([hub, names]) =>
      names.map((deviceId) => ({ hub, deviceId })),
    );
    expect(sortedBy(devices)).toEqual(sortedBy(registrations.map(({ hub, deviceId }) => ({ hub, deviceId }))));
    expect(lists.enrollments.map(({ registrationId }) => registrationId).sort()).toEqual(ids(result, 'tpm'));
    expect(lists.enrollments.every(({ attestation }) => attestation === 'tpm')).toBe(true);
    expect(lists.groups).toHaveLength(1);
    expect(sortedBy(lists.registrations)).toEqual(
      sortedBy(
        registrations.map(({ registrationId, deviceId, hub }) => ({
          registrationId,
          status: 'assigned',
          deviceId,
          hub,
        })),
      ),
    );
  });

  it('starts again on the same data folder and reports the same units', async () => {
    const again = await runMainJob({ data, listen, tpm, jsonFile: join(folder, `${tpm}-again.json`) });
    expect(again.code, again.text).toBe(0);
    const second = resultIn(join(folder, `${tpm}-again.json`));
    expect(second).toMatchObject({ passed: 4, seen: 4, duplicates: 0, assigned: result.assigned });
    expect(sortedBy(second.registrations)).toEqual(sortedBy(result.registrations));
    expect(runRows(join(data, 'station.db'))).toHaveLength(4);
  });
});

describe('where swtpm is not installed', () => {
  it('a job that asks for it ends with its coded fault and provisions nothing', async () => {
    const data = join(folder, 'missing');
    const env = { PATH: pathWithout('swtpm', join(folder, 'bin')) };
    const jsonFile = join(folder, 'missing.json');
    const end = await runMainJob({ data, listen: `${block.base}.201`, tpm: 'swtpm', units: 2, jsonFile, env });
    expect(end.code).toBe(1);
    expect(end.text).toContain('(swtpm-missing)');
    expect(readdirSync(folder)).not.toContain('missing.json');
    expect(runRows(join(data, 'station.db'))).toEqual([]);
  });
});

function sortedBy<Row extends object>(rows: readonly Row[]): readonly Row[] {
  return [...rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
