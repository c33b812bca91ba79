/** Loaded before a program (`node --import`): on SIGUSR2 it writes how long its event loop stood still, and counts anew. */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What the histogram counts includes the wait itself. */
const resolutionMs = 5;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();

/** The longest that this thread itself worked between two turns: what is left when others keep the processor away from it. */
let busiestMs = 0;
let workedMs = 0;
const worked = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};
setInterval(() => {
  const nowMs = worked();
  busiestMs = Math.max(busiestMs, nowMs - workedMs);
  workedMs = nowMs;
}, resolutionMs).unref();

const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
process.on('SIGUSR2', () => {
  const figures = { longestMs: ms(delay.max), p999Ms: ms(delay.percentile(99.9)), busiestMs };
  writeFileSync(process.env['BENCH_STALLS'] ?? '', JSON.stringify(figures));
  delay.reset();
  busiestMs = 0;
});
