import { expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/host.ts';
import { silentLog } from '../lib/base/log.ts';
import { failed, must } from '../lib/base/result.ts';
import { createAccess } from './access.ts';
import { createDeviceDesk, type DeskParts } from './device-desk.ts';
import type { DeviceStore } from './device-store.ts';
import { openHubDatabase } from './hub-database.ts';
import { createRegistry } from './registry.ts';

it('counts no credential as wrong that was shown while the store failed', () => {
  const clock = manualClock(0);
  const database = must(openHubDatabase(':memory:'));
  const policy = Buffer.alloc(32, 8).toString('base64');
  const keys = must(database.keys(1, () => ({ primaryKey: policy, secondaryKey: policy })));
  const devices = database.devices(1);
  let isAway = true;
  const away = { code: 'sqlite-busy', say: 'The store is away.', hint: 'Wait.' };
  const store: DeviceStore = { ...devices, read: (look) => (isAway ? failed(away) : devices.read(look)) };
  const registry = createRegistry({ store, clock, random: systemRandom, log: silentLog, tell: () => undefined });
  // What admits asks for no other part.
  const parts = { access: createAccess('hub.test', keys, clock), registry, clock, log: silentLog };
  const desk = createDeviceDesk(parts as unknown as DeskParts);
  const shown = { token: 'SharedAccessSignature nonsense', certificate: undefined, source: '192.0.2.7' };
  const answers = (): Set<string> => new Set(Array.from({ length: 200 }, () => desk.admit('d', shown).is));
  expect(answers()).toEqual(new Set(['refused']));
  isAway = false;
  expect(answers()).toEqual(new Set(['refused', 'throttled']));
});
