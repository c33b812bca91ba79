/** Time as a port: nothing else in the product asks the host what time it is. */
import type { CancelSignal } from './cancel.ts';

export interface Clock {
  /** Unix time in milliseconds; may jump when the clock is set. */
  nowMs(): number;
  /** Milliseconds since some start; never goes back. */
  monotonicMs(): number;
  /** Calls `fire` once after `ms`; the returned function cancels it. */
  after(ms: number, fire: () => void): () => void;
}

/** Resolves after `ms`, or at once when `signal` is aborted; it never rejects: look at the signal afterwards. */
export function sleep(clock: Clock, ms: number, signal?: CancelSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const wake = (): void => {
      cancel();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.after(ms, wake);
    signal?.addEventListener('abort', wake);
  });
}

export interface ManualClock extends Clock {
  /** Moves both clocks forward and fires what falls due, in order, letting promises settle between. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock alone, as an operator or NTP would. */
  setNow(ms: number): void;
  /** How many timers are waiting. */
  readonly pending: number;
}

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock for tests: it stands still until it is moved. */
export function manualClock(startMs = 1_800_000_000_000): ManualClock {
  let wallOffsetMs = startMs;
  let elapsedMs = 0;
  let order = 0;
  const timers = new Set<Timer>();
  const settle = async (): Promise<void> => {
    // Enough turns of the microtask queue for a chain of awaits to reach its next timer.
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  const nextDue = (untilMs: number): Timer | undefined =>
    [...timers].filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
  return {
    nowMs: () => wallOffsetMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after(ms, fire) {
      order += 1;
      const timer = { dueMs: elapsedMs + Math.max(0, ms), order, fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      await settle();
      for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
        timers.delete(timer);
        elapsedMs = Math.max(elapsedMs, timer.dueMs);
        timer.fire();
        await settle();
      }
      elapsedMs = untilMs;
    },
    setNow(ms) {
      wallOffsetMs = ms - elapsedMs;
    },
    get pending() {
      return timers.size;
    },
  };
}
