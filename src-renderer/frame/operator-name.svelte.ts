/** The name of the person at the bench, corrected in place. */
import type { Station } from '../state/station.svelte.ts';
import { Task } from '../state/task.svelte.ts';

export class OperatorName {
  readonly task: Task;
  readonly #station: Station;

  constructor(station: Station) {
    this.#station = station;
    this.task = new Task(station.clock);
  }

  get shown(): string {
    return this.#station.view?.operator ?? '';
  }

  async set(text: string): Promise<void> {
    const name = text.trim();
    if (name === '' || name === this.shown) return;
    const view = await this.task.run(() => this.#station.ask('operator.set', { name }));
    if (view !== undefined) this.#station.view = view;
  }
}
