/** The settings of this window: look, and the loudness of the three tones. */
import type { Verdict } from '../../../src-main/contract/views.ts';
import type { App } from '../../state/app.svelte.ts';
import { Task } from '../../state/task.svelte.ts';
import { share } from '../../words/format.ts';
import { words } from '../../words/words.ts';

export class SettingsScreen {
  readonly resizing: Task;
  /** The number of slots as it is chosen; until then, as it is. */
  #chosen = $state<number>();
  readonly #app: App;
  readonly preferences;
  readonly shownSlots = $derived.by(() => this.#app.station.view?.slots ?? 1);
  readonly slots = $derived.by(() => this.#chosen ?? this.shownSlots);
  readonly volumeText = $derived.by(() =>
    this.preferences.volume === 0 ? words.settings.off : share(this.preferences.volume),
  );
  readonly facts = $derived.by(() => {
    const view = this.#app.station.view;
    if (view === undefined) return [];
    const { settings: say } = words;
    return [
      { name: say.station, text: view.stationId },
      { name: say.version, text: view.version },
      { name: say.slots, text: String(view.slots) },
      { name: say.target, text: view.target.name },
      { name: say.idScope, text: view.target.idScope },
    ];
  });

  constructor(app: App) {
    this.#app = app;
    this.preferences = app.preferences;
    this.resizing = new Task(app.clock);
  }

  chooseSlots(slots: number): void {
    this.#chosen = slots;
    this.resizing.forget();
  }

  async resize(): Promise<void> {
    const view = await this.resizing.run(() => this.#app.station.ask('bench.setSlots', { slots: this.slots }));
    if (view === undefined) return;
    this.#chosen = undefined;
    this.#app.station.hearView(view);
  }

  play(verdict: Verdict): void {
    this.#app.tones.play(verdict, this.preferences.volume);
  }
}
