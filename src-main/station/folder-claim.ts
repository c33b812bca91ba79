/** One station per data folder, however the one before it ended. */
import { join } from 'node:path';
import type { Clock } from '../lib/base/clock.ts';
import { type Result, failed } from '../lib/base/result.ts';
import { type FileClaim, claimFile } from '../lib/sqlite/file-claim.ts';
import { stationFault } from './faults.ts';

// A station whose shell was killed still closes its units and files: a few seconds. Longer is another station at work.
const patienceMs = 5_000;

/** A file beside the store, which itself stays free: reports are read while the station works. */
export async function claimFolder(
  folder: string,
  clock: Clock,
  limitMs: number = patienceMs,
): Promise<Result<FileClaim>> {
  const claim = await claimFile(join(folder, 'lock.db'), { clock, limitMs });
  if (claim.ok || claim.fault.code !== 'database-busy') return claim;
  return failed(stationFault('data-folder-in-use'));
}
