/** How a program learns that it is to stop: a signal, or the end of the pipe that its parent holds. */

/** Set by a parent that wants its child to stop with it. */
export const stopWithParentEnv = 'BENCHLINE_STOP_WITH_PARENT';

/** Aborted once, at the first SIGTERM or SIGINT, at the end of its terminal, or when the parent is gone. */
export function stopRequested(): AbortSignal {
  const stop = new AbortController();
  const stopNow = (): void => {
    stop.abort();
  };
  process.once('SIGTERM', stopNow);
  process.once('SIGINT', stopNow);
  // A terminal that is closed; nohup takes the terminal away from what shall outlive it.
  if (process.stdin.isTTY) process.once('SIGHUP', stopNow);
  if (process.env[stopWithParentEnv] === '1') {
    process.stdin.resume();
    process.stdin.once('end', stopNow);
    process.stdin.once('error', stopNow);
    // The pipe must not keep a program alive that has nothing left to do.
    if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref();
  }
  return stop.signal;
}

/** Resolves when `signal` is aborted. */
export function whenStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}
