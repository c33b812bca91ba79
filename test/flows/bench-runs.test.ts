/** The benchmark of the bench, tiny: that it runs and tells what it should, not how fast this machine is. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Outcome } from '../bench/runner.ts';

const main = join(import.meta.dirname, '../bench/main.ts');

it('the benchmark of the bench runs through with two units and loses none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'benchline-tiny-'));
  const json = join(folder, 'bench.json');
  const env = { ...process.env, BENCH_UNITS: '2' };
  await promisify(execFile)(process.execPath, [main, 'bench', '--json', json], { env });
  const { benchmarks } = JSON.parse(await readFile(json, 'utf8')) as { benchmarks: readonly Outcome[] };
  await rm(folder, { recursive: true });
  const [outcome] = benchmarks;
  expect(outcome?.notMeasured).toBeUndefined();
  const figures = outcome?.figures ?? [];
  expect(figures.map(({ name }) => name)).toEqual([
    'tpm: verdict, one at a time',
    'tpm: verdict, 2 at once',
    'longest stall of the station, tpm, 2 at once',
    'x509: verdict, one at a time',
    'x509: verdict, 2 at once',
    'longest stall of the station, x509, 2 at once',
    'a shift of 4 units through 2 slots',
    'memory of the station after the shift',
    'heap in use after a collection, station',
    'heap in use after a collection, its store worker',
    'longest stall of the station, in the shift',
  ]);
  // Nothing is faster than its bytes on the wire.
  const [tpm] = figures;
  expect(tpm?.value).toBeGreaterThan(tpm?.reference?.value ?? Number.POSITIVE_INFINITY);
  expect(figures.find(({ name }) => name.startsWith('a shift'))?.note).toContain('4 passes stored, 0 lost');
}, 180_000);
