/** Opens a PKCS#12 file on a thread of its own, so that no slot waits for its key derivation. */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../lib/base/clock.ts';
import { type Result, failed } from '../../lib/base/result.ts';
import { signerFault } from './faults.ts';
import type { Pkcs12Content } from './pkcs12-read.ts';

export interface Pkcs12Task {
  readonly bytes: Uint8Array;
  readonly passphrase: string;
}

export interface Pkcs12WorkerParts {
  readonly clock: Clock;
  /** `pkcs12-worker-main.ts`, or the file that was built from it. */
  readonly workerEntry: string | URL;
}

// As many iterations as the reader takes cost some 15 s on a small PC; this also ends what it cannot count.
const openLimitMs = 60_000;

export function readPkcs12Aside(task: Pkcs12Task, parts: Pkcs12WorkerParts): Promise<Result<Pkcs12Content>> {
  const worker = new Worker(parts.workerEntry, { workerData: task });
  return new Promise((resolve) => {
    const settle = (result: Result<Pkcs12Content>): void => {
      cancelLimit();
      resolve(result);
      void worker.terminate();
    };
    const cancelLimit = parts.clock.after(openLimitMs, () => {
      settle(failed(signerFault('signer-file-too-slow', { limitSeconds: openLimitMs / 1_000 })));
    });
    worker.once('message', settle);
    // What a broken reader says could hold a piece of the file; it is not passed on.
    worker.once('error', () => {
      settle(failed(signerFault('signer-file-malformed')));
    });
    worker.once('exit', () => {
      settle(failed(signerFault('signer-file-malformed')));
    });
  });
}
