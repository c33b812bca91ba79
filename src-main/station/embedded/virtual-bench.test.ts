import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../lib/base/host.ts';
import { silentLog } from '../../lib/base/log.ts';
import { type VirtualBenchOptions, startVirtualBench } from './virtual-bench.ts';

/** An agent in short: it says that it is ready, or, for what it is told, dies before that. */
const agent = `
const args = process.argv.slice(2);
const after = (word) => args[args.indexOf(word) + 1];
if (args.includes('--ca') && after('--ca') === '') process.exit(3);
if (after('--serial-number') === 'VB-0002') process.exit(4);
require('node:fs').writeFileSync(after('--ready-file'), JSON.stringify({ port: 'pty', serialNumber: after('--serial-number') }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
setInterval(() => undefined, 1_000);
`;

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
let folder: string;
let options: VirtualBenchOptions;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-virtual-'));
  await writeFile(join(folder, 'agent.cjs'), agent);
  options = {
    ...{ folder: join(folder, 'units'), units: 3, attestation: 'x509', tpm: 'software' },
    ...{ serialPrefix: 'VB-', caFile: '', mqttsPort: 8_883 },
  };
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const launcher = () => ({
  command: process.execPath,
  programs: { service: [], agent: [join(folder, 'agent.cjs')] },
  env: {},
});

describe('a virtual bench', () => {
  it('keeps the units that came up beside one that dies, and says why that one did not', async () => {
    const bench = await startVirtualBench(launcher(), options, parts, new AbortController().signal);
    expect(bench.units.map(({ slot }) => slot)).toEqual([1, 3]);
    expect(bench.fault).toMatchObject({ code: 'program-ended', detail: { program: 'unit VB-0002', code: 4 } });
    await bench.stop();
  }, 30_000);

  it('gives up waiting when the station stops', async () => {
    const bench = await startVirtualBench(launcher(), { ...options, units: 2 }, parts, AbortSignal.abort());
    expect(bench.units).toEqual([]);
    await bench.stop();
  });

  it('tells of a folder that cannot be made', async () => {
    const blocked = join(folder, 'agent.cjs');
    const bench = await startVirtualBench(launcher(), { ...options, folder: blocked }, parts, AbortSignal.any([]));
    expect(bench).toMatchObject({ units: [], fault: { code: 'virtual-unit-folder', detail: { reason: 'ENOTDIR' } } });
    await expect(access(options.folder)).rejects.toThrow();
  });
});
