/** The store's own thread: a commit may wait for the disk, and nothing else waits with it. */
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock, systemRandom } from '../../lib/base/host.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { type Store, openStore } from './store.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-protocol.ts';

if (parentPort === null) throw new Error('the store worker runs as a worker thread');
const port = parentPort;
const { file } = workerData as WorkerSettings;

let nowMs = systemClock.nowMs();
const opened = openStore({ file, random: systemRandom, nowMs: () => nowMs });
const tell = (message: FromWorker): void => {
  port.postMessage(message);
};

/** An exception here is a bug or a broken disk: the thread ends with it, and the station starts another. */
function answer(store: Store, message: Extract<ToWorker, { kind: 'ask' }>): void {
  nowMs = message.nowMs;
  const operate = store.operations[message.name] as (...input: readonly unknown[]) => Result<unknown>;
  const result = operate(...message.input);
  const change = store.takeChange();
  tell({ kind: 'answer', id: message.id, result, ...(change === undefined ? {} : { change }) });
}

if (opened.ok) {
  const store = opened.value;
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'ask') {
      answer(store, message);
      return;
    }
    store.close();
    port.close();
  });
  tell({ kind: 'ready', result: ok() });
} else {
  tell({ kind: 'ready', result: opened });
  port.close();
}
