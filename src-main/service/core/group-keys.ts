/**
 * The keys of the groups whose devices derive their own from them (dps-wire 6). A device names no group, so every key
 * is tried: 100 groups (dps-wire 8.4), two keys, two spellings. They are held ready in memory, the one that was right
 * last first: a line boots one group's devices after each other, so the first try is usually the last.
 */
import { fromBase64 } from '../../lib/base/bytes.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import type { ServiceFault } from './faults.ts';
import type { Store } from './ports.ts';
import type { Enrollment } from './records.ts';

export interface GroupKey {
  readonly enrollment: Enrollment;
  readonly key: Uint8Array;
}

export interface GroupKeys {
  all(): Promise<Result<readonly GroupKey[], ServiceFault>>;
  /** This one was right: its group's are tried first from now on. */
  used(key: GroupKey): void;
  /** A group was changed. */
  forget(): void;
}

export function createGroupKeys(store: Pick<Store, 'groupsByKey'>): GroupKeys {
  let held: readonly GroupKey[] | undefined;
  let changes = 0;
  return {
    async all() {
      if (held !== undefined) return ok(held);
      const before = changes;
      const groups = await store.groupsByKey();
      if (!groups.ok) return groups;
      const keys = groups.value.flatMap(keysOf);
      // Two groups with one key: the first by its id has it, whatever was right last.
      const unique = keys.filter((one, at) => keys.findIndex((other) => isSame(one, other)) === at);
      // Read before a change and come back after it, they are good for this once alone.
      if (before === changes) held = unique;
      return ok(unique);
    },
    used(key) {
      if (held === undefined || held[0]?.enrollment === key.enrollment) return;
      const isIts = (one: GroupKey): boolean => one.enrollment === key.enrollment;
      held = [...held.filter(isIts), ...held.filter((one) => !isIts(one))];
    },
    forget() {
      held = undefined;
      changes += 1;
    },
  };
}

function keysOf(enrollment: Enrollment): readonly GroupKey[] {
  const { attestation } = enrollment;
  if (attestation.type !== 'symmetricKey') return [];
  return [attestation.primaryKey, attestation.secondaryKey]
    .map((text) => fromBase64(text))
    .filter((key) => key !== undefined)
    .map((key) => ({ enrollment, key }));
}

function isSame(one: GroupKey, other: GroupKey): boolean {
  return Buffer.compare(one.key, other.key) === 0;
}

/** The store through which groups are changed: what is held of them is forgotten with each change. */
export function forgettingGroupKeys(store: Store, keys: GroupKeys): Store {
  return {
    ...store,
    async changeEnrollments(changes) {
      const done = await store.changeEnrollments(changes);
      const kinds = changes.map((one) => (one.change === 'put' ? one.enrollment.kind : one.kind));
      if (kinds.includes('group')) keys.forget();
      return done;
    },
  };
}
