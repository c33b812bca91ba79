/** Registrations whose end the store could not keep: each waits longer after every failure, up to a bound. */
import { backoffMs } from '../../lib/base/backoff.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { hubBackoff } from './registration-work.ts';

export interface HeldBack {
  failed(key: string): void;
  kept(key: string): void;
  waits(key: string): boolean;
  /** After the store was looked through: whoever's wait is over and is not at work again has nothing left to do. */
  drop(isAtWork: (key: string) => boolean): void;
  readonly size: number;
}

export function createHeldBack(clock: Clock, random: Random): HeldBack {
  // Bounded by what fails within one wait: a look drops what is over.
  const held = new Map<string, { readonly failures: number; readonly untilMs: number }>();
  const waits = (key: string): boolean => (held.get(key)?.untilMs ?? 0) > clock.monotonicMs();
  return {
    failed(key) {
      const failures = (held.get(key)?.failures ?? 0) + 1;
      const waitMs = backoffMs(failures, random.fraction(), hubBackoff);
      held.set(key, { failures, untilMs: clock.monotonicMs() + waitMs });
    },
    kept: (key) => void held.delete(key),
    waits,
    drop(isAtWork) {
      for (const key of held.keys()) if (!waits(key) && !isAtWork(key)) held.delete(key);
    },
    get size() {
      return held.size;
    },
  };
}
