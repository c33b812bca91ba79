/** The desk of interrupted units, of rework and of golden samples. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { GoldenSampleView, RecoveryUnitView } from '../../contract/recovery-views.ts';
import type { SlotView } from '../../contract/views.ts';
import type { Batch, SerialNumber } from '../batches/model.ts';
import type { Bench } from '../bench/bench.ts';
import { deskFault } from './faults.ts';
import type { DeskStation, DeskStore } from './ports.ts';

export interface RecoveryDeskParts {
  readonly store: DeskStore;
  readonly bench: Pick<Bench, 'start'>;
  readonly station: DeskStation;
}

export function recoveryCalls(parts: RecoveryDeskParts) {
  const { store, station } = parts;
  const listed = async (): Promise<Result<{ units: RecoveryUnitView[] }>> => {
    const units = await store.listRecoveries();
    return units.ok ? ok({ units: [...units.value] }) : units;
  };
  const decide = async (decided: Decided, to: 'set-aside' | 'scrapped') => {
    const done = await store.decideRecovery({ ...decided, to, by: station.view().operator });
    return done.ok ? listed() : done;
  };
  return {
    'unit.history': ({ unitId }: { readonly unitId: string }) => store.unitHistory(unitId),
    'unit.rework': ({ unitId, reason }: Decided) => store.rework({ unitId, reason, by: station.view().operator }),
    'recovery.list': listed,
    'recovery.resume': (input: ResumeOrder) => resume(parts, input),
    'recovery.setAside': (decided: Decided) => decide(decided, 'set-aside'),
    'recovery.scrap': (decided: Decided) => decide(decided, 'scrapped'),
    ...goldenCalls(parts),
  } as const;
}

function goldenCalls({ store, station }: RecoveryDeskParts) {
  const listed = async (done: Result<unknown>): Promise<Result<{ samples: GoldenSampleView[] }>> => {
    const samples = done.ok ? await store.listSamples() : done;
    return samples.ok ? ok({ samples: [...samples.value] }) : samples;
  };
  const operator = (): string => station.view().operator;
  return {
    'golden.list': () => listed(ok()),
    'golden.add': async (order: { name: string; serialNumber: string; expect: 'pass' | 'fail' }) =>
      listed(await store.addSample(order, operator())),
    'golden.remove': async ({ serialNumber }: { readonly serialNumber: string }) =>
      listed(await store.removeSample(serialNumber, operator())),
  } as const;
}

interface Decided {
  readonly unitId: string;
  readonly reason: string;
}

interface ResumeOrder {
  readonly unitId: string;
  readonly slot?: number | undefined;
}

/** A person says where the unit is: as if its label had been scanned for that slot. */
async function resume(parts: RecoveryDeskParts, { unitId, slot }: ResumeOrder): Promise<Result<SlotView>> {
  const listed = await parts.store.listRecoveries();
  if (!listed.ok) return listed;
  const unit = listed.value.find((one) => one.unitId === unitId);
  if (unit === undefined) return failed(deskFault('unit-not-interrupted'));
  const batch = await batchFor(parts, unit);
  if (!batch.ok) return batch;
  return parts.bench.start({
    batch: batch.value,
    serialNumber: unit.serialNumber as SerialNumber,
    operator: parts.station.view().operator,
    slot: slot ?? unit.slot,
  });
}

/** A unit whose batch was closed meanwhile goes on in the one that is worked on now. */
async function batchFor({ store, station }: RecoveryDeskParts, unit: RecoveryUnitView): Promise<Result<Batch>> {
  const own = await store.openedBatch(unit.batchId);
  const { batchId } = station.view();
  return own.ok && own.value.state === 'closed' && batchId !== undefined ? store.openedBatch(batchId) : own;
}
