/**
 * The linked hubs and the allocation default, held in memory: each registration asks for them, and they change when a
 * person changes them. Our own changes are seen at once. Where several instances share one database, another's change
 * is seen within `maxAgeMs`; until then a device may still be sent to a hub that was just unlinked.
 */
import type { Clock } from '../../lib/base/clock.ts';
import type { Store, Stored } from '../core/ports.ts';

// As long as a person takes to look up from the button; a hub's write takes longer to fail.
const maxAgeMs = 1_000;

export function withRememberedSettings(store: Store, clock: Clock): Store {
  const hubs = remembered(clock, () => store.linkedHubs());
  const policy = remembered(clock, () => store.allocationDefault());
  const changing = async <T>(memory: { forget(): void }, change: () => Stored<T>): Stored<T> => {
    try {
      return await change();
    } finally {
      memory.forget();
    }
  };
  return {
    ...store,
    linkedHubs: () => hubs.get(),
    putLinkedHub: (hub) => changing(hubs, () => store.putLinkedHub(hub)),
    offerLinkedHub: (hub) => changing(hubs, () => store.offerLinkedHub(hub)),
    deleteLinkedHub: (hostName) => changing(hubs, () => store.deleteLinkedHub(hostName)),
    allocationDefault: () => policy.get(),
    setAllocationDefault: (value) => changing(policy, () => store.setAllocationDefault(value)),
  };
}

function remembered<T>(clock: Clock, read: () => Stored<T>) {
  let held: { readonly answer: Awaited<Stored<T>>; readonly readMs: number } | undefined;
  let changes = 0;
  return {
    async get(): Stored<T> {
      const nowMs = clock.monotonicMs();
      if (held !== undefined && nowMs - held.readMs < maxAgeMs) return held.answer;
      const before = changes;
      const answer = await read();
      // Read before a change and come back after it, it is good for this once alone.
      if (answer.ok && before === changes) held = { answer, readMs: nowMs };
      return answer;
    },
    forget(): void {
      held = undefined;
      changes += 1;
    },
  };
}
