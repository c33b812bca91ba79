/**
 * A seeded sample of the byte-cut proof between real programs: the station and the agents with swtpm over pseudo-terminals;
 * at a byte of the exchange the station or the agent gets a SIGKILL, or the cable is out. `npm run soak -- bytecut` takes
 * every byte.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleCuts, toldOf, tryPlanted } from '../bytecut/real-plan.ts';
import { writeCells } from './support/cells.ts';

const seed = 20_261_201;
const wanted = 50;
/** Each cut takes some seconds of a processor; a machine that is busy with other suites takes several times as long. */
const limitMs = 1_200_000;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'benchline-bytecut-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a run between real programs', () => {
  it(
    'ends in one pass of one identity, at whichever byte of a seeded sample it was cut',
    async () => {
      const counts = await sampleCuts(join(folder, 'sample'), { seed, cuts: wanted });
      const cuts = counts.reduce((sum, count) => sum + count.cuts, 0);
      process.stdout.write(`bytecut: ${cuts} of ${wanted} cuts between real programs (seed ${seed})\n`);
      for (const count of counts) process.stdout.write(`bytecut: ${toldOf(count)}\n`);
      await writeCells('bytecut-sample', cuts, wanted);
      expect(cuts).toBe(wanted);
      const ends = counts.flatMap(({ byEnd }) => Object.values(byEnd));
      expect(Math.min(...ends)).toBeGreaterThan(0);
    },
    limitMs,
  );

  it(
    'is found out when its unit forgets its key with its power',
    async () => {
      const cut = (bytes: { readonly 'to unit': number }) =>
        ({ direction: 'to unit', byte: Math.floor(bytes['to unit'] * 0.9), end: 'unit' }) as const;
      const forgets = { spoil: (unit: { readonly folder: string }) => rm(unit.folder, { recursive: true }) };
      const tried = tryPlanted(join(folder, 'planted'), { name: 'bench-link x509', cut, options: forgets });
      await expect(tried).rejects.toThrow(/2 keys of one unit/);
    },
    limitMs,
  );
});
