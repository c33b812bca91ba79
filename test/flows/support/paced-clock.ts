/** A clock at the host's pace that can be hurried: waits of many seconds pass in milliseconds while only a timer can end them. */
import type { Clock } from '../../../src-main/lib/base/clock.ts';
import { systemClock } from '../../../src-main/lib/base/host.ts';

export interface PacedClock extends Clock {
  /** 1 is the host's pace. */
  setPace(factor: number): void;
}

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
  disarm: () => void;
}

export function pacedClock(): PacedClock {
  const startedMs = systemClock.nowMs();
  const timers = new Set<Timer>();
  let pace = 1;
  let passedMs = 0;
  let sinceMs = systemClock.monotonicMs();
  const monotonicMs = (): number => passedMs + (systemClock.monotonicMs() - sinceMs) * pace;
  const arm = (timer: Timer): void => {
    timer.disarm = systemClock.after((timer.dueMs - monotonicMs()) / pace, () => {
      timers.delete(timer);
      timer.fire();
    });
  };
  return {
    nowMs: () => Math.round(startedMs + monotonicMs()),
    monotonicMs,
    after(ms, fire) {
      const timer: Timer = { dueMs: monotonicMs() + ms, fire, disarm: () => undefined };
      timers.add(timer);
      arm(timer);
      return () => {
        timers.delete(timer);
        timer.disarm();
      };
    },
    setPace(factor) {
      if (factor === pace) return;
      passedMs = monotonicMs();
      sinceMs = systemClock.monotonicMs();
      pace = factor;
      for (const timer of timers) {
        timer.disarm();
        arm(timer);
      }
    },
  };
}
