/** How long the station's event loop stands still: with sixteen busy slots no more than 50 ms (design section 8). */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Clock, sleep } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';

/** The watch itself wakes the loop this often; what it measures includes the wait. */
const resolutionMs = 5;

/** Writes `event-loop-delay` into the log every so many seconds: the longest stall since the last line, and the 99th percentile. */
export async function watchLoop(
  everySeconds: number,
  parts: { clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  const stallMs = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e5 - resolutionMs * 10) / 10);
  delays.enable();
  while (!signal.aborted) {
    await sleep(parts.clock, everySeconds * 1_000, signal);
    parts.log.info('event-loop-delay', { maxMs: stallMs(delays.max), p99Ms: stallMs(delays.percentile(99)) });
    delays.reset();
  }
  delays.disable();
}
