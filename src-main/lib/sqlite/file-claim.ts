/** A file that one process holds: a lock that the kernel gives back by itself, however its holder ends. */
import { type Clock, sleep } from '../base/clock.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { openDatabase } from './database.ts';
import { sqliteFault } from './faults.ts';

export interface FileClaim {
  release(): void;
}

export interface ClaimWait {
  readonly clock: Clock;
  /** How long another holder may take to let go. */
  readonly limitMs: number;
  readonly signal?: AbortSignal;
}

const lookEveryMs = 100;

/**
 * Holds SQLite's write lock on a file that is empty and nothing else (a POSIX record lock: gone with its process, never
 * passed to a child). `database-busy` when another process, or another claim of this one, holds it.
 */
export async function claimFile(file: string, wait: ClaimWait): Promise<Result<FileClaim>> {
  const { clock, signal } = wait;
  const untilMs = clock.monotonicMs() + wait.limitMs;
  for (;;) {
    const claim = tryClaim(file);
    if (claim.ok || claim.fault.code !== 'database-busy' || clock.monotonicMs() >= untilMs) return claim;
    if (signal?.aborted === true) return claim;
    await sleep(clock, lookEveryMs, signal);
  }
}

function tryClaim(file: string): Result<FileClaim> {
  // No wait inside SQLite: that would hold the thread.
  const opened = openDatabase({ file, busyTimeoutMs: 0 });
  if (!opened.ok) return opened;
  const lock = opened.value;
  try {
    lock.driver.exec('BEGIN EXCLUSIVE');
    return ok({
      // The handle lives in this closure: collected as garbage it would let go of the lock.
      release: () => {
        lock.close();
      },
    });
  } catch {
    lock.close();
    return failed(sqliteFault('database-busy', { file }));
  }
}
