/** After a crash or a power cut: every run that has no verdict gets one, and its unit is taken up again. */
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import { type Result, ok } from '../lib/base/result.ts';
import type { SerialNumber } from './batches/model.ts';
import { benchFault } from './bench/faults.ts';
import type { StationCore } from './composition.ts';

export interface InterruptedUnit {
  readonly slot: number;
  readonly serialNumber: SerialNumber;
  readonly batchId: string;
}

/** The runs end as errors of ours; what they had begun on the unit stays open in the journal for the next run. */
export async function endInterrupted(core: StationCore, clock: Clock): Promise<Result<readonly InterruptedUnit[]>> {
  const found = await core.store.interrupted();
  if (!found.ok) return found;
  const units: InterruptedUnit[] = [];
  for (const run of found.value) {
    const fault = benchFault('station-restarted');
    const ended = await core.store.end(run.runId, {
      verdict: 'error',
      phase: 'connect',
      fault,
      endedMs: clock.nowMs(),
    });
    if (!ended.ok) return ended;
    units.push({ slot: run.slot, serialNumber: run.serialNumber, batchId: run.batchId });
  }
  return ok(units);
}

/** Starts each unit again in the slot it was in; one that is no longer there waits for its next scan. */
export async function resume(
  units: readonly InterruptedUnit[],
  core: StationCore,
  operator: string,
  log: Log,
): Promise<void> {
  for (const { slot, serialNumber, batchId } of units) {
    const batch = await core.store.openedBatch(batchId);
    const begun = batch.ok ? await core.bench.start({ batch: batch.value, serialNumber, operator, slot }) : batch;
    if (begun.ok) log.info('unit-resumed', { slot, serialNumber });
    else log.warn('unit-not-resumed', { slot, serialNumber, code: begun.fault.code });
  }
}
