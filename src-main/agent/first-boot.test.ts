import { expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/host.ts';
import { silentLog } from '../lib/base/log.ts';
import { failed, ok } from '../lib/base/result.ts';
import { agentFault } from './faults.ts';
import { createFirstBoot, type FirstBootParts } from './first-boot.ts';

it('of two starts at the same time one journey is left, and a stop ends it', async () => {
  const clock = manualClock();
  let asked = 0;
  const parts = {
    ...{ clock, random: systemRandom, log: silentLog, serialNumber: 's', firmware: 'f', mqttsPort: 8_883 },
    caPem: undefined,
    store: { settings: () => Promise.resolve(ok({ registrationId: 'r', endpoint: 'h', idScope: 'i' })) },
    attester: {
      isReady: () => Promise.resolve(true),
      identity: () => ((asked += 1), Promise.resolve(failed(agentFault('agent-nothing-written')))),
    },
  } as unknown as FirstBootParts;
  const boot = createFirstBoot(parts);
  await Promise.all([boot.start(), boot.start()]);
  await clock.advance(0);
  await boot.stop();
  const before = asked;
  await clock.advance(120_000);
  expect(asked).toBe(before);
  expect(before).toBeGreaterThan(0);
});
