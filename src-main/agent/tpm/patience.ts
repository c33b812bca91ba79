/** How long an answer of the TPM is waited for. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Result } from '../../lib/base/result.ts';
import { linkFailed } from './faults.ts';

export interface Patience {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: CancelSignal | undefined;
}

/** The first of: the answer, the timeout, the cancellation. The answer itself goes on; its owner must expect it late. */
export async function within<T>(answer: Promise<Result<T>>, patience: Patience): Promise<Result<T>> {
  const { clock, timeoutMs, signal } = patience;
  const given = new AbortController();
  const stop = (): void => {
    given.abort();
  };
  signal?.addEventListener('abort', stop);
  if (signal?.aborted === true) stop();
  const late = sleep(clock, timeoutMs, given.signal).then<Result<T>>(() =>
    signal?.aborted === true
      ? linkFailed('tpm-link-cancelled')
      : linkFailed('tpm-link-timeout', { seconds: Math.round(timeoutMs / 1_000) }),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    stop();
    signal?.removeEventListener('abort', stop);
  }
}

/** Waits for an end that may never come, and leaves no timer behind. */
export async function settledWithin(end: Promise<unknown>, clock: Clock, ms: number): Promise<void> {
  const given = new AbortController();
  await Promise.race([end, sleep(clock, ms, given.signal)]);
  given.abort();
}
