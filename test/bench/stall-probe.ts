/**
 * Loaded before a program (`node --expose-gc --import`): on SIGUSR2 it writes how long its event loop stood still, and what
 * is left on the heaps of its threads after a collection; then it counts anew.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

/** What the histogram counts includes the wait itself. */
const resolutionMs = 5;
/** A thread that is in a commit answers late; one that is gone never does. */
const heapWaitMs = 2_000;

const channel = new BroadcastChannel('bench-heaps');
channel.unref();

const heapMb = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1_048_576;
};

/** A heap in MB, or the question for it. */
type Message = number | 'ask';

function hear(listener: (message: Message) => void): void {
  channel.onmessage = (event: unknown) => {
    listener((event as { readonly data: Message }).data);
  };
}

/** The largest of the other threads: the store worker. */
function workerHeapMb(): Promise<number> {
  return new Promise((resolve) => {
    let largest = 0;
    hear((mb) => (largest = Math.max(largest, Number(mb))));
    channel.postMessage('ask');
    setTimeout(() => {
      resolve(largest);
    }, heapWaitMs);
  });
}

if (isMainThread) watch();
else hear((message) => (message === 'ask' ? channel.postMessage(heapMb()) : undefined));

function watch(): void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  // The longest that this thread itself worked between two turns: what is left when others keep the processor away from it.
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
  const answer = async (): Promise<void> => {
    const stalls = { longestMs: ms(delay.max), p999Ms: ms(delay.percentile(99.9)), busiestMs };
    const heaps = { heapMb: heapMb(), workerHeapMb: await workerHeapMb() };
    writeFileSync(process.env['BENCH_STALLS'] ?? '', JSON.stringify({ ...stalls, ...heaps }));
    // Not counted: what the collection took.
    delay.reset();
    workedMs = worked();
    busiestMs = 0;
  };
  process.on('SIGUSR2', () => void answer());
}
