/** The store's own thread: a commit may wait for the disk, and nothing else waits with it. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock, systemRandom } from '../../lib/base/host.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { type Store, openStore } from './store.ts';
import { type Ask, maxTogether, runsOf } from './shared-commits.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-protocol.ts';

if (parentPort === null) throw new Error('the store worker runs as a worker thread');
const port = parentPort;
const { file } = workerData as WorkerSettings;

let nowMs = systemClock.nowMs();
const opened = openStore({ file, random: systemRandom, nowMs: () => nowMs });
const tell = (message: FromWorker): void => {
  port.postMessage(message);
};

function answerTo(store: Store, { id, name, input, nowMs: askedMs }: Ask): FromWorker {
  nowMs = askedMs;
  const operate = store.operations[name] as (...input: readonly unknown[]) => Result<unknown>;
  const result = operate(...input);
  const change = store.takeChange();
  return { kind: 'answer', id, result, ...(change === undefined ? {} : { change }) };
}

/** On disk before any of them is told; undefined when they cannot be had together. */
function answersTogether(store: Store, asks: readonly Ask[]): readonly FromWorker[] | undefined {
  try {
    const answered = store.together(() => asks.map((ask) => answerTo(store, ask)));
    return answered.ok ? answered.value : undefined;
  } catch {
    // Whose bug it is shows when each goes alone.
    return undefined;
  }
}

/** An exception here is a bug or a broken disk: the thread ends with it, and the station starts another. */
function answer(store: Store, asks: readonly Ask[]): void {
  const together = asks.length > 1 ? answersTogether(store, asks) : undefined;
  if (together === undefined) for (const ask of asks) tell(answerTo(store, ask));
  else for (const message of together) tell(message);
}

/** What came while the last commit waited for the disk, in its order. */
function arrived(first: ToWorker): readonly ToWorker[] {
  const messages = [first];
  while (messages.length < maxTogether) {
    const next = receiveMessageOnPort(port) as { readonly message: ToWorker } | undefined;
    if (next === undefined) break;
    messages.push(next.message);
  }
  return messages;
}

if (opened.ok) {
  const store = opened.value;
  port.on('message', (first: ToWorker) => {
    for (const run of runsOf(arrived(first))) {
      if (run.kind === 'asks') {
        answer(store, run.asks);
        continue;
      }
      store.close();
      port.close();
    }
  });
  tell({ kind: 'ready', result: ok() });
} else {
  tell({ kind: 'ready', result: opened });
  port.close();
}
