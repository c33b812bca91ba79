/**
 * Which slots are in training. A restart of the station makes every unit sound again, and says nothing of it: what this
 * window last saw is kept, so that a training that ended so is told until a person has understood it.
 */
import type { SlotView } from '../../src-main/contract/views.ts';
import type { Browser } from '../bridge/browser.ts';
import type { Station } from './station.svelte.ts';
import { Task } from './task.svelte.ts';

const storageKey = 'training';

export class Training {
  readonly task: Task;
  /** The slots whose training a restart ended; nobody has said yet that it was understood. */
  ended = $state.raw<readonly number[]>([]);
  readonly running = $derived.by(() => trained(this.#station.slots));
  readonly #station: Station;
  readonly #browser: Browser;

  constructor(station: Station, browser: Browser) {
    this.#station = station;
    this.#browser = browser;
    this.task = new Task(station.clock);
  }

  open(): () => void {
    return this.#station.onSlots((slots, isFresh) => {
      const now = trained(slots);
      const known = isFresh ? this.#kept() : this.ended;
      this.ended = known.filter((slot) => !now.includes(slot)).sort((a, b) => a - b);
      this.#keep([...now, ...this.ended]);
    });
  }

  understood(): void {
    this.ended = [];
    this.#keep(this.running);
  }

  /** Makes every unit sound, one after the other: each starts again. */
  async end(): Promise<void> {
    for (const slot of this.running) {
      const view = await this.task.run(() => this.#station.ask('virtual.setFault', { slot }));
      if (view === undefined) return;
      this.#station.hearSlot(view);
    }
  }

  #kept(): readonly number[] {
    const numbers = (this.#browser.read(storageKey) ?? '').split(',').map(Number);
    return numbers.filter((slot) => Number.isInteger(slot) && slot >= 1 && slot <= 16);
  }

  #keep(slots: readonly number[]): void {
    const text = slots.join(',');
    // Every change of a slot passes here; few are of a training.
    if ((this.#browser.read(storageKey) ?? '') !== text) this.#browser.write(storageKey, text);
  }
}

const trained = (slots: readonly SlotView[]): readonly number[] =>
  slots.filter(({ virtualFault }) => virtualFault !== undefined).map(({ slot }) => slot);
