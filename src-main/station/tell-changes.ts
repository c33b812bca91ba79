/** Tells screens what a commit changed, and slots what became of their units. */
import type { EventName, EventPayload } from '../contract/events.ts';
import type { UnitView } from '../contract/views.ts';
import type { StationCore } from './composition.ts';
import type { StoreChange } from './queue/context.ts';

export type Tell = <Name extends EventName>(name: Name, payload: EventPayload<Name>) => void;

export function tellChanges(core: StationCore, tell: Tell, onUnit: (unit: UnitView) => void): void {
  core.store.onChange((change) => void tellChange(core, tell, onUnit, change));
}

async function tellChange(
  core: StationCore,
  tell: Tell,
  onUnit: (unit: UnitView) => void,
  change: StoreChange,
): Promise<void> {
  tell('rows.changed', { units: change.moreUnits || change.units.length > 0, outbox: change.outbox, service: false });
  for (const batchId of change.batches) {
    const batch = await core.store.batchView(batchId);
    if (batch.ok) tell('batch.changed', batch.value);
  }
  for (const unitId of change.units) {
    const unit = await core.store.unitView(unitId);
    if (!unit.ok) continue;
    core.bench.lives(unit.value.serialNumber, unit.value.state, unit.value.hub);
    onUnit(unit.value);
  }
}
