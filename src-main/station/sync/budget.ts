/** The pace a service allows, shared by every call: operations flow in steadily and may be saved up a little. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';

export interface Budget {
  /** Waits until `operations` may be spent, and spends them; earlier askers first. Returns early when aborted. */
  spend(operations: number, signal: CancelSignal): Promise<void>;
  /** Spends only what nobody who waits needs: at least half of the savings stays. False when there is too little. */
  spendSpare(operations: number): boolean;
}

/** A service takes 1,000 operations a minute (dps-wire 8.4). */
const defaultOperationsPerMinute = 1_000;

export function createBudget(clock: Clock, operationsPerMinute = defaultOperationsPerMinute): Budget {
  // A tenth may be saved up and spent at once; with nine tenths flowing in, no minute holds more than the whole.
  // At least 10: a bulk counts as its ten entries.
  const maxSaved = Math.max(10, operationsPerMinute / 10);
  const perMs = (operationsPerMinute * 0.9) / 60_000;
  let saved = maxSaved;
  let atMs = clock.monotonicMs();
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();

  const refill = (): void => {
    const nowMs = clock.monotonicMs();
    saved = Math.min(maxSaved, saved + (nowMs - atMs) * perMs);
    atMs = nowMs;
  };
  const take = async (operations: number, signal: CancelSignal): Promise<void> => {
    refill();
    while (saved < operations && !signal.aborted) {
      await sleep(clock, Math.ceil((operations - saved) / perMs), signal);
      refill();
    }
    if (!signal.aborted) saved -= operations;
  };
  return {
    spend(operations, signal) {
      waiting += 1;
      turn = turn
        .then(() => take(Math.min(operations, maxSaved), signal))
        .finally(() => {
          waiting -= 1;
        });
      return turn;
    },
    spendSpare(operations) {
      refill();
      if (waiting > 0 || saved - operations < maxSaved / 2) return false;
      saved -= operations;
      return true;
    },
  };
}
