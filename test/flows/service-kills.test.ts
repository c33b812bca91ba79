/** SIGKILL while devices register. The same with 10,000 devices and more kills: `npm run soak -- kills`. */
import { expect, it } from 'vitest';
import { killStorm } from './support/kill-storm.ts';

it('killed again and again while 1,500 devices register, loses nothing it confirmed and assigns nothing twice', async () => {
  const plan = { devices: 1_500, serviceKills: 4, hubKills: 2, seed: 20_261_125 };
  const report = await killStorm({ ...plan, say: () => undefined });
  expect(report).toMatchObject({ kills: 6, broken: [] });
  expect(report.accepted).toBeGreaterThanOrEqual(1_500);
}, 300_000);
