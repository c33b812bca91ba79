/** Which devices a hub refused, and why: each reason once for a source and an id until that id is right there. */
import { maxIdLength, type Attempt } from '../lib/base/attempt-limits.ts';
import type { Clock } from '../lib/base/clock.ts';
import { createLineBudget, within } from '../lib/base/line-budget.ts';
import type { Log } from '../lib/base/log.ts';
import { createToldRefusals } from '../lib/base/told-refusals.ts';
import type { RefusalReason } from './access.ts';

export interface RefusalLog {
  refused(attempt: Attempt, why: RefusalReason | 'throttled'): void;
  right(attempt: Attempt): void;
}

// A line of a hundred units that are all wrong is told of whole; a flood of invented ids writes 2 MB an hour.
const measure = { burst: 200, perSecond: 2 };

export function createRefusalLog({ clock, log }: { readonly clock: Clock; readonly log: Log }): RefusalLog {
  const budget = createLineBudget(clock, measure);
  const told = createToldRefusals();
  return {
    refused(attempt, why) {
      if (told.has(attempt, why, why)) return;
      within(budget, { deviceId: attempt.id.slice(0, maxIdLength), source: attempt.source, why }, (facts) => {
        told.add(attempt, why, why);
        log.warn('device-refused', facts);
      });
    },
    right: (attempt) => {
      told.forget(attempt);
    },
  };
}
