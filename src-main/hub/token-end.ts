/** The end of a token, however far away it is. */
import type { Clock } from '../lib/base/clock.ts';

// A token may be good for years, and a timer for 24 days: it is looked at again in between.
const maxTimerMs = 86_400_000;

/** Calls `end` once; the returned function cancels it. */
export function watchEnd(clock: Clock, endsAtMs: number, end: () => void): () => void {
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const leftMs = endsAtMs - clock.nowMs();
    if (leftMs <= 0) end();
    else cancel = clock.after(Math.min(leftMs, maxTimerMs), look);
  };
  look();
  return () => {
    cancel();
  };
}
