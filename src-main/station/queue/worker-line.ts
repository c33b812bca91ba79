/** The line to the store worker: asks, answers, a bound on how many wait, and a new worker when one dies. */
import { Worker } from 'node:worker_threads';
import { backoffMs } from '../../lib/base/backoff.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import { type Result, failed } from '../../lib/base/result.ts';
import type { StoreChange } from './context.ts';
import { storeFault } from './faults.ts';
import type { FromWorker, OperationName, ToWorker, WorkerSettings } from './worker-protocol.ts';

export interface WorkerLineOptions {
  readonly file: string;
  readonly workerEntry: string | URL;
  readonly clock: Clock;
  readonly log: Log;
}

export interface WorkerLine {
  ask(name: OperationName, input: readonly unknown[]): Promise<Result<unknown>>;
  onChange(listener: (change: StoreChange) => void): () => void;
  close(): Promise<void>;
}

// 16 slots, sync, life watching and screens together ask for some 40 things at once; this many waiting means a disk
// that does not answer, and the bench must hear that rather than wait.
const maxWaiting = 256;
// A worker that dies this often in a row while starting will not start.
const maxStarts = 5;
const restartBackoff = { firstMs: 50, maxMs: 1_000 };
// A close waits for the commits under way; a disk takes up to some seconds for one.
const closeMs = 10_000;

/** Asking these twice changes nothing the second time. The others end with a fault when their answer was lost. */
const notRepeatable: ReadonlySet<OperationName> = new Set([
  ...(['outboxTake', 'appendEvent', 'retryOutbox', 'openBatch', 'decideRecovery', 'rework', 'removeSample'] as const),
]);

interface Question {
  readonly name: OperationName;
  readonly input: readonly unknown[];
  isSecondAsk: boolean;
  answer(result: Result<unknown>): void;
}

type LineState =
  | { readonly at: 'up'; readonly worker: Worker }
  | { readonly at: 'starting' }
  | { readonly at: 'stopped'; readonly reason: string };

class Line implements WorkerLine {
  readonly #options: WorkerLineOptions;
  readonly #waiting = new Map<number, Question>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  #state: LineState = { at: 'starting' };
  #lastId = 0;

  constructor(options: WorkerLineOptions) {
    this.#options = options;
  }

  async start(): Promise<Result<void>> {
    const settings: WorkerSettings = { file: this.#options.file };
    const worker = new Worker(this.#options.workerEntry, { workerData: settings });
    const ready = await new Promise<Result<void>>((resolve) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'ready') resolve(message.result);
        else this.#heard(message);
      });
      worker.on('error', (error: unknown) => {
        this.#options.log.error('store-worker-error', { reason: error instanceof Error ? error.message : 'unknown' });
      });
      worker.on('exit', (code) => {
        resolve(failed(storeFault('store-stopped', { reason: `the worker ended with ${code}` })));
        this.#died(worker);
      });
    });
    if (!ready.ok) return ready;
    this.#state = { at: 'up', worker };
    for (const [id, question] of this.#waiting) this.#send(worker, id, question);
    return ready;
  }

  ask(name: OperationName, input: readonly unknown[]): Promise<Result<unknown>> {
    if (this.#state.at === 'stopped') {
      return Promise.resolve(failed(storeFault('store-stopped', { reason: this.#state.reason })));
    }
    if (this.#waiting.size >= maxWaiting) return Promise.resolve(failed(storeFault('store-busy')));
    return new Promise((resolve) => {
      this.#lastId += 1;
      const question = { name, input, isSecondAsk: false, answer: resolve };
      this.#waiting.set(this.#lastId, question);
      if (this.#state.at === 'up') this.#send(this.#state.worker, this.#lastId, question);
    });
  }

  onChange(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Answers what is under way first: the worker works through its messages in order. */
  async close(): Promise<void> {
    if (this.#state.at !== 'up') {
      this.#stop('the store was closed');
      return;
    }
    const { worker } = this.#state;
    this.#state = { at: 'stopped', reason: 'the store was closed' };
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(closeMs, () => void worker.terminate());
      worker.on('exit', () => {
        cancel();
        resolve();
      });
      worker.postMessage({ kind: 'close' } satisfies ToWorker);
    });
    this.#stop('the store was closed');
  }

  #send(worker: Worker, id: number, { name, input }: Question): void {
    const nowMs = this.#options.clock.nowMs();
    worker.postMessage({ kind: 'ask', id, name, input, nowMs } satisfies ToWorker);
  }

  #heard(message: Extract<FromWorker, { kind: 'answer' }>): void {
    const question = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    question?.answer(message.result);
    if (message.change === undefined) return;
    for (const listener of this.#listeners) listener(message.change);
  }

  #died(worker: Worker): void {
    if (this.#state.at !== 'up' || this.#state.worker !== worker) return;
    this.#options.log.error('store-worker-died', { waiting: this.#waiting.size });
    this.#state = { at: 'starting' };
    for (const [id, question] of this.#waiting) {
      // Whether it was committed is not known: asked again it is, or it ends with a fault that says so.
      if (!question.isSecondAsk && !notRepeatable.has(question.name)) {
        question.isSecondAsk = true;
        continue;
      }
      this.#waiting.delete(id);
      question.answer(failed(storeFault('store-restarted')));
    }
    void this.#restart();
  }

  async #restart(): Promise<void> {
    for (let attempt = 1; attempt <= maxStarts; attempt += 1) {
      await sleep(this.#options.clock, backoffMs(attempt, 0, restartBackoff));
      if (this.#isClosed()) return;
      const started = await this.start();
      if (started.ok) return;
      if (attempt === maxStarts) this.#stop(started.fault.say);
    }
  }

  #isClosed(): boolean {
    return this.#state.at === 'stopped';
  }

  #stop(reason: string): void {
    this.#state = { at: 'stopped', reason };
    for (const question of this.#waiting.values()) question.answer(failed(storeFault('store-stopped', { reason })));
    this.#waiting.clear();
  }
}

export async function openWorkerLine(options: WorkerLineOptions): Promise<Result<WorkerLine>> {
  const line = new Line(options);
  const started = await line.start();
  return started.ok ? { ok: true, value: line } : started;
}
