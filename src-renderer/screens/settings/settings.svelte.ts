/** The settings of this window: look, and the loudness of the three tones. */
import type { Verdict } from '../../../src-main/contract/views.ts';
import type { App } from '../../state/app.svelte.ts';
import { share } from '../../words/format.ts';
import { words } from '../../words/words.ts';

export class SettingsScreen {
  readonly #app: App;
  readonly preferences;
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
  }

  play(verdict: Verdict): void {
    this.#app.tones.play(verdict, this.preferences.volume);
  }
}
