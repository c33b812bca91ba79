/** Superseding the pass of a unit: asked for with a reason, done once. */
import type { UnitView } from '../../../src-main/contract/views.ts';
import type { App } from '../../state/app.svelte.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';

const passedStates: readonly UnitView['state'][] = ['passed', 'enrolled', 'registered', 'seen'];

export const mayRework = (unit: UnitView): boolean => passedStates.includes(unit.state);

export class ReworkDraft {
  readonly task: Task;
  isOpen = $state(false);
  reason = $state('');
  isChecked = $state(false);
  readonly #app: App;
  readonly wrong = $derived.by(() => {
    const { length } = this.reason.trim();
    return this.isChecked && (length < 3 || length > 200) ? words.rework.reasonWrong : undefined;
  });

  constructor(app: App) {
    this.#app = app;
    this.task = new Task(app.clock);
  }

  begin(): void {
    this.isOpen = true;
    this.reason = '';
    this.isChecked = false;
    this.task.forget();
  }

  async submit(unitId: string): Promise<boolean> {
    this.isChecked = true;
    if (this.wrong !== undefined) return false;
    const reason = this.reason.trim();
    const unit = await this.task.run(() => this.#app.station.ask('unit.rework', { unitId, reason }));
    this.isOpen = unit === undefined;
    return unit !== undefined;
  }
}
