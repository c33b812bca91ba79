/** The units whose runs were cut, as the station last told them: for the rail, the bench and the Recovery screen. */
import type { RecoveryUnitView } from '../../src-main/contract/recovery-views.ts';
import type { Station } from './station.svelte.ts';
import { Task } from './task.svelte.ts';

export class Recovery {
  units = $state.raw<readonly RecoveryUnitView[]>([]);
  readonly loading: Task;
  readonly waiting = $derived(this.units.filter((unit) => unit.state === 'waiting'));
  readonly #station: Station;
  #isStale = false;

  constructor(station: Station) {
    this.#station = station;
    this.loading = new Task(station.clock);
  }

  /** A station that comes up says that its rows changed, and so does each run that ends. */
  open(): () => void {
    return this.#station.onRows((rows) => {
      if (rows.units) void this.load();
    });
  }

  async load(): Promise<void> {
    // Asked again while an answer is under way: that answer may not know the latest change.
    this.#isStale = this.loading.isBusy;
    const answer = await this.loading.run(() => this.#station.ask('recovery.list', {}));
    if (answer !== undefined) this.units = answer.units;
    if (!this.#isStale || this.loading.isBusy) return;
    this.#isStale = false;
    await this.load();
  }
}
