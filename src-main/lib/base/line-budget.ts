/** So many log lines at once and so many a second from then on, whoever causes them; what is left out is counted. */
import type { Clock } from './clock.ts';
import type { LogFields } from './log.ts';

export interface LineBudget {
  /** How many were left out since the last line; undefined when this one is left out too. */
  take(): number | undefined;
}

export interface LineMeasure {
  readonly burst: number;
  readonly perSecond: number;
}

export function createLineBudget(clock: Clock, { burst, perSecond }: LineMeasure): LineBudget {
  let spent = 0;
  let atMs = clock.monotonicMs();
  let unsaid = 0;
  return {
    take() {
      const nowMs = clock.monotonicMs();
      spent = Math.max(0, spent - ((nowMs - atMs) / 1_000) * perSecond);
      atMs = nowMs;
      if (spent + 1 > burst) {
        unsaid += 1;
        return undefined;
      }
      spent += 1;
      const left = unsaid;
      unsaid = 0;
      return left;
    },
  };
}

/** Writes the line if there is room for it, with how many were left out before. */
export function within(budget: LineBudget, facts: LogFields, write: (facts: LogFields) => void): void {
  const unsaid = budget.take();
  if (unsaid !== undefined) write(unsaid === 0 ? facts : { ...facts, unsaid });
}
