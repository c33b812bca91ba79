import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { must, ok } from '../../lib/base/result.ts';
import type { Store } from '../core/ports.ts';
import type { LinkedHub } from '../core/records.ts';
import { withRememberedSettings } from './remembered-settings.ts';

const hub: LinkedHub = { hostName: 'hub-a', connectionString: 'c', allocationWeight: 1, applyAllocationPolicy: true };

/** Another instance changes `hubs` behind the back of the store under test. */
function shared() {
  const hubs: LinkedHub[] = [];
  let reads = 0;
  const store = {
    linkedHubs: async () => {
      reads += 1;
      return ok([...hubs]);
    },
    putLinkedHub: async (one: LinkedHub) => ok(void hubs.push(one)),
  } as unknown as Store;
  return { hubs, store, reads: () => reads };
}

it('asks once, sees its own change at once, and that of another instance within a second', async () => {
  const { hubs, store, reads } = shared();
  const clock = manualClock();
  const own = withRememberedSettings(store, clock);
  expect(must(await own.linkedHubs())).toEqual([]);
  expect(must(await own.linkedHubs())).toEqual([]);
  expect(reads()).toBe(1);
  must(await own.putLinkedHub(hub));
  expect(must(await own.linkedHubs())).toEqual([hub]);
  hubs.length = 0;
  expect(must(await own.linkedHubs())).toEqual([hub]);
  await clock.advance(1_000);
  expect(must(await own.linkedHubs())).toEqual([]);
});

it('does not keep what it read before a change and got after it', async () => {
  const { store, hubs } = shared();
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slow: Store = {
    ...store,
    linkedHubs: async () => {
      const before = [...hubs];
      await gate;
      return ok(before);
    },
  };
  const own = withRememberedSettings(slow, manualClock());
  const early = own.linkedHubs();
  must(await own.putLinkedHub(hub));
  release();
  expect(must(await early)).toEqual([]);
  expect(must(await own.linkedHubs())).toEqual([hub]);
});
