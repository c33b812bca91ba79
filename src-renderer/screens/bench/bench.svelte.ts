/** The bench: which slot is in hand, what the keys mean for it, and what a scan starts. */
import type { SlotView, UnitView } from '../../../src-main/contract/views.ts';
import type { App } from '../../state/app.svelte.ts';
import { ScanCapture } from '../../state/scan-capture.ts';
import { faceOf, type SlotAction } from '../../state/slot-face.ts';
import { Task } from '../../state/task.svelte.ts';

export class BenchScreen {
  readonly scan: Task;
  readonly virtualScan: Task;
  readonly act: Task;
  /** The slot in hand: the next scan and the action keys go to it. */
  inHand = $state<number>();
  open = $state<number>();
  text = $state('');
  virtualStarted = $state<number>();
  history = $state.raw<readonly UnitView[]>([]);
  readonly capture: ScanCapture;
  /** What another field held before a scanner may have run into it. */
  fieldBefore = '';
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
    this.scan = new Task(app.clock);
    this.virtualScan = new Task(app.clock);
    this.act = new Task(app.clock);
    this.capture = new ScanCapture(app.clock, () => this.slots.length, {
      show: (text) => (this.text = text),
      scan: (text) => void this.start(text),
      focusSlot: (slot) => this.take(slot),
    });
  }

  get slots(): readonly SlotView[] {
    return this.#app.station.slots;
  }

  get hasBatch(): boolean {
    return this.#app.station.batch?.state === 'open';
  }

  readonly detail = $derived.by(() => this.slots.find((slot) => slot.slot === this.open));
  readonly fault = $derived.by(() => this.scan.fault ?? this.act.fault ?? this.virtualScan.fault);
  readonly isSlow = $derived.by(() => this.scan.isSlow || this.act.isSlow || this.virtualScan.isSlow);
  /** The slot the action keys speak to: the one in hand, else the only one there is. */
  readonly keyed = $derived.by(() => this.inHand ?? (this.slots.length === 1 ? this.slots[0]?.slot : undefined));

  take(slot: number | undefined): void {
    this.inHand = slot;
    if (this.open !== undefined && slot !== undefined) this.show(slot);
  }

  show(slot: number): void {
    this.open = slot;
    this.inHand = slot;
    void this.#loadHistory();
  }

  hide(): void {
    this.open = undefined;
  }

  async start(text: string, at: number | undefined = this.inHand): Promise<void> {
    const target = at === undefined ? {} : { slot: at };
    this.#forget();
    const slot = await this.scan.run(() => this.#app.station.ask('bench.scan', { text, ...target }));
    if (slot === undefined) return;
    this.#app.station.hearSlot(slot);
    this.inHand = undefined;
  }

  async startVirtual(): Promise<void> {
    this.#forget();
    const done = await this.virtualScan.run(() => this.#app.station.ask('bench.scanVirtual', {}));
    this.virtualStarted = done?.started;
  }

  async perform(slot: number, action: SlotAction): Promise<void> {
    if (action.does === 'scan') await this.start(action.serialNumber, slot);
    else if (action.does === 'batches') this.#app.screen = 'batches';
    else if (action.does === 'abort') {
      this.#forget();
      const ended = await this.act.run(() => this.#app.station.ask('bench.abort', { slot }));
      if (ended !== undefined) this.#app.station.hearSlot(ended);
    }
  }

  /** One key, wherever the focus is. Returns whether the key was for the bench. */
  key(name: string, isOnControl: boolean): boolean {
    if (name === 'Enter') return this.capture.enter() || (!isOnControl && (this.#actOn('enter') || this.#toggle()));
    if (name === 'Escape') return this.capture.clear() || this.#escape();
    if (name === ' ' && this.text === '') return !isOnControl && this.#actOn('space');
    if (name === 'Backspace') {
      this.capture.backspace();
      return true;
    }
    if (name.length !== 1) return false;
    this.capture.type(name);
    return true;
  }

  #actOn(key: 'space' | 'enter' | 'escape'): boolean {
    const slot = this.slots.find((one) => one.slot === this.keyed);
    if (slot === undefined) return false;
    const { action } = faceOf(slot, this.hasBatch);
    if (!('key' in action) || action.key !== key) return false;
    void this.perform(slot.slot, action);
    return true;
  }

  #toggle(): boolean {
    if (this.keyed === undefined) return false;
    if (this.open === this.keyed) this.hide();
    else this.show(this.keyed);
    return true;
  }

  #escape(): boolean {
    if (this.#actOn('escape')) return true;
    if (this.open !== undefined) this.hide();
    else if (this.inHand !== undefined) this.inHand = undefined;
    else this.#forget();
    return true;
  }

  #forget(): void {
    for (const task of [this.scan, this.act, this.virtualScan]) task.forget();
    this.virtualStarted = undefined;
  }

  async #loadHistory(): Promise<void> {
    this.history = [];
    const search = this.detail?.run?.serialNumber;
    if (search === undefined) return;
    const shown = this.open;
    const answer = await this.#app.station.ask('unit.list', { search, limit: 5 });
    if (answer.ok && shown === this.open) {
      this.history = answer.value.items.filter((unit) => unit.serialNumber === search);
    }
  }
}
