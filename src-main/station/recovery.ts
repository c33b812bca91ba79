/** After a crash or a power cut: every run that has no verdict gets one, and its unit is taken up again. */
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Result } from '../lib/base/result.ts';
import { benchFault } from './bench/faults.ts';
import type { Intent } from './bench/ports.ts';
import type { StationCore } from './composition.ts';
import type { AutoRecovery } from './queue/recoveries.ts';
import type { Phase } from '../contract/views.ts';

/** The runs end as errors of ours; what they had begun on the unit stays open in the journal for the next run. */
export async function endInterrupted(
  core: Pick<StationCore, 'store'>,
  clock: Clock,
): Promise<Result<readonly AutoRecovery[]>> {
  const forgotten = await core.store.forgetRecoveries();
  if (!forgotten.ok) return forgotten;
  const found = await core.store.interrupted();
  if (!found.ok) return found;
  for (const run of found.value) {
    const fault = benchFault('station-restarted');
    const phase = phaseReached(run.open);
    const record = { verdict: 'error', phase, fault, endedMs: clock.nowMs(), isCut: true } as const;
    const ended = await core.store.end(run.runId, record);
    if (!ended.ok) return ended;
  }
  // Also those of an earlier start that was itself cut before it came to them.
  return core.store.autoRecoveries();
}

const phaseOf = {
  'generate-key': 'prove',
  'write-certificates': 'write',
  'write-settings': 'write',
  retire: 'verify',
  lock: 'verify',
} as const satisfies Record<Intent['step'], Phase>;

/** The newest act that was begun and not answered for (the journal tells it first) is how far the run is known to be. */
function phaseReached(open: readonly Intent[]): Phase {
  const [last] = open;
  return last === undefined ? 'connect' : phaseOf[last.step];
}

/**
 * Starts each unit again in the slot it was in; one that is no longer there waits for its next scan. Nobody scanned: the
 * run is the station's own, and goes on only with a unit that tells the same serial number itself.
 */
export async function resume(
  units: readonly AutoRecovery[],
  core: Pick<StationCore, 'store' | 'bench'>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for (const { slot, serialNumber, batchId } of units) {
    if (signal.aborted) return;
    const batch = await core.store.openedBatch(batchId);
    const request = { serialNumber, slot, operator: 'station', isResumed: true } as const;
    const begun = batch.ok ? await core.bench.start({ ...request, batch: batch.value }) : batch;
    if (begun.ok) log.info('unit-resumed', { slot, serialNumber });
    else log.warn('unit-not-resumed', { slot, serialNumber, code: begun.fault.code });
  }
}
