/** Stops one run once, and remembers why. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Fault } from '../../lib/base/fault.ts';

export interface Stopper {
  readonly signal: CancelSignal;
  /** The first reason given; undefined while the run may go on. */
  readonly reason: Fault | undefined;
  stop(reason: Fault): void;
}

export function createStopper(): Stopper {
  const listeners = new Set<() => void>();
  let reason: Fault | undefined;
  return {
    signal: {
      get aborted() {
        return reason !== undefined;
      },
      addEventListener: (_type, listener) => void listeners.add(listener),
      removeEventListener: (_type, listener) => void listeners.delete(listener),
    },
    get reason() {
      return reason;
    },
    stop(why) {
      if (reason !== undefined) return;
      reason = why;
      for (const listener of [...listeners]) listener();
    },
  };
}
