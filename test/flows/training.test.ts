/** Training on the virtual bench: a supervisor gives units faults, the technician meets them, and they are taken away again. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import type { RunView, SlotView } from '../../src-main/contract/views.ts';
import { type StationClient, startStation } from '../../src-main/cli/station-client.ts';
import { eventually } from './support/station-bed.ts';
import { sqliteRows } from './support/witness-sqlite.ts';

const entry = join(import.meta.dirname, '../../src-main/station/main.ts');
// Nobody is asked: a pass never waits for a network.
const connection = 'HostName=127.0.0.1;SharedAccessKeyName=owner;SharedAccessKey=b3duZXI=';

let folder: string;
let station: StationClient;
const lines: string[] = [];
const printed = (): string => lines.slice(-40).join('\n');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-training-'));
  const secret = join(folder, 'service.txt');
  await writeFile(secret, `${connection}\n`, { mode: 0o600 });
  const units = ['--virtual-units', '3', '--tpm', 'software', '--attestation', 'mixed'];
  const target = ['--connection-string-file', secret, '--id-scope', '0ne00TRAIN0', '--endpoint', '127.0.0.1:1'];
  const args = [entry, '--data', join(folder, 'data'), ...units, ...target];
  station = startStation({ command: process.execPath, args, onLine: (line) => lines.push(line) });
  for (const slot of [1, 2, 3]) await ready(slot);
}, 60_000);

afterAll(async () => {
  await station.stop();
  await rm(folder, { recursive: true, force: true });
});

const slotOf = async (slot: number): Promise<SlotView> => must(await station.call('bench.get', {})).slots[slot - 1]!;
const ready = (slot: number) =>
  eventually(async () => ((await slotOf(slot)).port.state === 'ready' ? true : undefined), printed);

async function run(slot: number): Promise<RunView> {
  await ready(slot);
  const text = (await slotOf(slot)).virtualSerialNumber ?? '';
  const { runId } = must(await station.call('bench.scan', { text, slot })).run ?? {};
  return eventually(async () => {
    const { run: now } = await slotOf(slot);
    return now?.runId === runId && now?.state !== 'working' ? now : undefined;
  }, printed);
}

const give = (slot: number, name: string, value?: number) =>
  station.call('virtual.setFault', { slot, fault: value === undefined ? { name } : { name, value } });
const takeAway = (slot: number) => station.call('virtual.setFault', { slot });

describe('a virtual unit in training', () => {
  it('has the fault it is given, shows that, and is itself again when it is taken away', async () => {
    const trained = must(await give(2, 'csr-signature'));
    expect(trained.virtualFault).toMatchObject({
      name: 'csr-signature',
      say: expect.stringContaining('signs') as string,
    });
    expect(await run(2)).toMatchObject({ state: 'fail', fault: { code: 'csr-signature-wrong' } });
    expect((await slotOf(2)).virtualFault?.name).toBe('csr-signature');
    expect(must(await takeAway(2)).virtualFault).toBeUndefined();
    expect(await run(2)).toMatchObject({ state: 'pass' });
  });

  it('answers in the other slot when the adapters were mixed up, and the scan tells', async () => {
    must(await give(1, 'adapter-swap', 3));
    expect((await slotOf(3)).virtualFault).toMatchObject({ name: 'adapter-swap', value: 1 });
    expect(await run(1)).toMatchObject({ state: 'fail', fault: { code: 'serial-mismatch' } });
    expect(must(await takeAway(3)).virtualFault).toBeUndefined();
    expect((await slotOf(1)).virtualFault).toBeUndefined();
    expect(await run(1)).toMatchObject({ state: 'pass' });
  });

  it('is stopped as a copy of the unit whose endorsement key it has, and passes with its own', async () => {
    must(await give(3, 'duplicate-ek', 1));
    expect(await run(3)).toMatchObject({ state: 'fail', fault: { code: 'identity-taken' } });
    must(await takeAway(3));
    expect(await run(3)).toMatchObject({ state: 'pass' });
  });

  it('is told apart from real ones in the report, and its faults stand in the audit chain', async () => {
    const { batchId = '' } = must(await station.call('station.get', {}));
    const report = must(await station.call('batch.report', { batchId, format: 'csv' }));
    const [head = '', ...rows] = (await readFile(report.path, 'utf8')).trim().split(/\r?\n/);
    const at = head.split(',').indexOf('virtual');
    expect(rows.map((row) => row.split(',')[at])).toEqual(['yes', 'yes', 'yes']);
    const events = sqliteRows(
      join(folder, 'data', 'station.db'),
      `SELECT body FROM events WHERE kind LIKE 'training.%'`,
    );
    const set = events.map(({ body }) => (JSON.parse(String(body)) as { fault: string }).fault);
    expect(set).toEqual(['csr-signature', 'none', 'adapter-swap', 'none', 'duplicate-ek', 'none']);
  });

  it('is refused what it cannot have, in words', async () => {
    const codeOf = async (asked: ReturnType<typeof give>): Promise<string> => {
      const answer = await asked;
      return answer.ok ? 'no fault' : answer.fault.code;
    };
    expect(await codeOf(give(1, 'fire'))).toBe('training-unknown');
    expect(await codeOf(give(1, 'delay', 60_001))).toBe('training-value');
    expect(await codeOf(give(1, 'adapter-swap'))).toBe('training-value');
    expect(await codeOf(give(1, 'adapter-swap', 1))).toBe('training-same-slot');
    expect(await codeOf(give(1, 'adapter-swap', 9))).toBe('training-no-unit');
    expect(await codeOf(give(1, 'csr-signature'))).toBe('training-not-this-unit');
    expect(await codeOf(give(9, 'echo'))).toBe('training-no-unit');
    const { faults } = must(await station.call('virtual.faults', {}));
    expect(faults.find(({ name }) => name === 'wrong-baud')?.value).toMatchObject({ unit: 'baud', usual: 57_600 });
  });
});
