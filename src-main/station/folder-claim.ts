/** One station per data folder: a lock that the kernel gives back by itself, however the station ends. */
import { join } from 'node:path';
import { type Clock, sleep } from '../lib/base/clock.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { openDatabase } from '../lib/sqlite/database.ts';
import { stationFault } from './faults.ts';

export interface FolderClaim {
  release(): void;
}

// A station whose shell was killed still closes its units and files: a few seconds. Longer is another station at work.
const patienceMs = 5_000;
const lookEveryMs = 100;

/**
 * Holds SQLite's write lock on an empty file beside the store (a POSIX record lock: gone with its process, never passed
 * to a child). The store itself stays free, so that reports are read while the station works.
 */
export async function claimFolder(
  folder: string,
  clock: Clock,
  limitMs: number = patienceMs,
): Promise<Result<FolderClaim>> {
  const untilMs = clock.monotonicMs() + limitMs;
  for (;;) {
    const claim = tryClaim(join(folder, 'lock.db'));
    if (claim.ok || claim.fault.code !== 'data-folder-in-use' || clock.monotonicMs() >= untilMs) return claim;
    await sleep(clock, lookEveryMs);
  }
}

function tryClaim(file: string): Result<FolderClaim> {
  // No wait inside SQLite: that would hold the thread.
  const opened = openDatabase({ file, busyTimeoutMs: 0 });
  if (!opened.ok) return opened.fault.code === 'database-busy' ? failed(stationFault('data-folder-in-use')) : opened;
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
    return failed(stationFault('data-folder-in-use'));
  }
}
