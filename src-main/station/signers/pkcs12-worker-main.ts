/** A thread that opens one PKCS#12 file: deriving its keys in JavaScript takes from 50 ms to many seconds. */
import { parentPort, workerData } from 'node:worker_threads';
import { readPkcs12 } from './pkcs12-read.ts';
import type { Pkcs12Task } from './pkcs12-worker.ts';

if (parentPort === null) throw new Error('the reader of signer files runs as a worker thread');
const { bytes, passphrase } = workerData as Pkcs12Task;
parentPort.postMessage(readPkcs12(bytes, passphrase));
