/** The golden samples of this station, and which of them the batch on the bench still wants checked. */
import type { GoldenSampleView } from '../../../src-main/contract/recovery-views.ts';
import type { App } from '../../state/app.svelte.ts';
import { benchStateOf } from '../../state/slot-face.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';

const { samples: say } = words;
type Expect = GoldenSampleView['expect'];

export class SamplesScreen {
  readonly loading: Task;
  readonly act: Task;
  samples = $state.raw<readonly GoldenSampleView[]>([]);
  name = $state('');
  serialNumber = $state('');
  expect = $state<Expect>('pass');
  isChecked = $state(false);
  /** The serial number of the sample that is about to be removed. */
  removing = $state<string>();
  readonly #app: App;

  readonly isDemanded = $derived.by(() => this.#app.station.batch?.terms.goldenSamples === true);
  readonly shift = $derived.by(() => {
    const { due } = benchStateOf(this.#app.station.batch);
    return (['pass', 'fail'] as const).map((expect) => ({ expect, isDue: due === expect || due === 'both' }));
  });
  readonly wrong = $derived.by(() => ({
    name: this.isChecked && !isWithin(this.name, 60) ? say.nameWrong : undefined,
    serialNumber: this.isChecked && !isWithin(this.serialNumber, 64) ? say.serialWrong : undefined,
  }));

  constructor(app: App) {
    this.#app = app;
    this.loading = new Task(app.clock);
    this.act = new Task(app.clock);
  }

  open(): () => void {
    void this.load();
    return this.#app.station.onRows((rows) => {
      if (rows.units) void this.load();
    });
  }

  async load(): Promise<void> {
    const answer = await this.loading.run(() => this.#app.station.ask('golden.list', {}));
    if (answer !== undefined) this.samples = answer.samples;
  }

  async add(): Promise<void> {
    this.isChecked = true;
    if (this.wrong.name !== undefined || this.wrong.serialNumber !== undefined) return;
    const sample = { name: this.name.trim(), serialNumber: this.serialNumber.trim(), expect: this.expect };
    const added = await this.act.run(() => this.#app.station.ask('golden.add', sample));
    if (added === undefined) return;
    this.samples = added.samples;
    this.name = '';
    this.serialNumber = '';
    this.isChecked = false;
  }

  async remove(serialNumber: string): Promise<void> {
    this.removing = undefined;
    const left = await this.act.run(() => this.#app.station.ask('golden.remove', { serialNumber }));
    if (left !== undefined) this.samples = left.samples;
  }
}

const isWithin = (text: string, most: number): boolean => text.trim() !== '' && text.trim().length <= most;
