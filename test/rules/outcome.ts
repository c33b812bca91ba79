/** What became of it, as a value: so that a rule that does not hold is an assertion that fails, and not a wait that ends. */
import { systemClock } from '../../src-main/lib/base/host.ts';

// An answer takes milliseconds; a loaded machine may need seconds.
const limitMs = 8_000;

export function outcomeOf<T>(work: Promise<T>): Promise<T | string> {
  return new Promise((resolve) => {
    const stop = systemClock.after(limitMs, () => {
      resolve('nothing came');
    });
    const settle = (outcome: T | string): void => {
      stop();
      resolve(outcome);
    };
    work.then(settle, (error: unknown) => {
      settle(error instanceof Error ? error.message : String(error));
    });
  });
}
