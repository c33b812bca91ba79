/** Loaded before a program (`node --import`): on SIGUSR2 it writes how long its event loop stood still, and counts anew. */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What the histogram counts includes the wait itself. */
const resolutionMs = 5;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();
const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
process.on('SIGUSR2', () => {
  const figures = { longestMs: ms(delay.max), p999Ms: ms(delay.percentile(99.9)), turns: delay.count };
  writeFileSync(process.env['BENCH_STALLS'] ?? '', JSON.stringify(figures));
  delay.reset();
});
