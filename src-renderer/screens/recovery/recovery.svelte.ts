/** What a person decides on an interrupted unit: resume it in a slot, set it aside with a reason, or scrap it. */
import type { RecoveryUnitView } from '../../../src-main/contract/recovery-views.ts';
import type { App } from '../../state/app.svelte.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';

const { recovery: say } = words;

export class RecoveryScreen {
  readonly act: Task;
  /** The unit that the last press was for. */
  actedOn = $state<string>();
  /** The unit that is being set aside, or scrapped. */
  decidingId = $state<string>();
  reason = $state('');
  isChecked = $state(false);
  slots = $state<Record<string, string>>({});
  readonly #app: App;

  readonly units = $derived.by(() => this.#app.recovery.units);
  readonly loading = $derived.by(() => this.#app.recovery.loading);
  readonly reasonWrong = $derived.by(() => {
    const { length } = this.reason.trim();
    return this.isChecked && (length < 3 || length > 200) ? say.reasonWrong : undefined;
  });

  constructor(app: App) {
    this.#app = app;
    this.act = new Task(app.clock);
  }

  open(): void {
    void this.#app.recovery.load();
  }

  slotText(unit: RecoveryUnitView): string {
    return this.slots[unit.unitId] ?? String(unit.slot);
  }

  slotOf(unit: RecoveryUnitView): number | undefined {
    const text = this.slotText(unit).trim();
    const slot = Number(text);
    return /^\d{1,2}$/.test(text) && this.#app.station.slots.some((one) => one.slot === slot) ? slot : undefined;
  }

  async resume(unit: RecoveryUnitView): Promise<void> {
    const slot = this.slotOf(unit);
    if (slot === undefined) return;
    this.actedOn = unit.unitId;
    const begun = await this.act.run(() => this.#app.station.ask('recovery.resume', { unitId: unit.unitId, slot }));
    if (begun === undefined) return;
    this.#app.station.hearSlot(begun);
    await this.#app.recovery.load();
    this.#app.screen = 'bench';
  }

  decide(unitId: string | undefined): void {
    this.decidingId = unitId;
    this.reason = '';
    this.isChecked = false;
  }

  /** One that is set aside already is scrapped; any other is set aside. */
  async end({ unitId, state }: RecoveryUnitView): Promise<void> {
    this.isChecked = true;
    if (this.reasonWrong !== undefined) return;
    this.actedOn = unitId;
    const reason = this.reason.trim();
    const call = state === 'set-aside' ? 'recovery.scrap' : 'recovery.setAside';
    const left = await this.act.run(() => this.#app.station.ask(call, { unitId, reason }));
    if (left === undefined) return;
    this.#app.recovery.units = left.units;
    this.decide(undefined);
  }
}
