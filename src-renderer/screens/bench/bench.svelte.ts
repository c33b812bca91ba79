/** The bench: which slot is in hand, what the keys mean for it, and what a scan starts. */
import type { ScanTaken } from '../../../src-main/contract/scan.ts';
import type { SlotView } from '../../../src-main/contract/views.ts';
import { ok } from '../../../src-main/lib/base/result.ts';
import type { Answer } from '../../bridge/client.ts';
import type { App } from '../../state/app.svelte.ts';
import { HeldKeys } from '../../state/held-keys.ts';
import { ScanCapture } from '../../state/scan-capture.ts';
import { benchStateOf, faceOf, type SlotAction } from '../../state/slot-face.ts';
import { Task } from '../../state/task.svelte.ts';
import { words } from '../../words/words.ts';

export interface KeyPlace {
  readonly isOnControl: boolean;
  /** When the key went down. */
  readonly atMs: number;
}

export class BenchScreen {
  readonly scan: Task;
  readonly virtualScan: Task;
  readonly act: Task;
  /** The slot in hand: the next scan and the action keys go to it. */
  inHand = $state<number>();
  open = $state<number>();
  text = $state('');
  /** What the last scan did, where no card shows it. */
  said = $state<string>();
  /** How the cards stand, for the arrow keys. */
  columns = 1;
  readonly capture: ScanCapture;
  readonly held: HeldKeys;
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
    this.scan = new Task(app.clock);
    this.virtualScan = new Task(app.clock);
    this.act = new Task(app.clock);
    this.held = new HeldKeys(app.clock);
    this.capture = new ScanCapture(app.clock, () => this.slots.length, {
      show: (text) => (this.text = text),
      scan: (text) => void this.scanned(text),
      focusSlot: (slot) => this.take(slot),
    });
  }

  get slots(): readonly SlotView[] {
    return this.#app.station.slots;
  }

  readonly state = $derived.by(() => benchStateOf(this.#app.station.batch));
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
  }

  hide(): void {
    this.open = undefined;
  }

  /** Whatever a scanner read, or a person typed in its place: the station says what it was. */
  async scanned(text: string): Promise<void> {
    const before = { scan: this.scan.state, said: this.said };
    const inHand = this.inHand === undefined ? {} : { slot: this.inHand };
    this.#forget();
    const taken = await this.scan.run(() => this.#app.station.ask('scan.take', { text, ...inHand }));
    if (taken === undefined) return;
    if (taken.kind !== 'repeat') {
      this.#follow(taken);
      return;
    }
    // A double read says nothing new: what the first one said stays.
    this.scan.state = before.scan;
    this.said = before.said;
  }

  #follow(taken: Exclude<ScanTaken, { kind: 'repeat' }>): void {
    const { said } = words.bench;
    switch (taken.kind) {
      case 'serial':
        this.#begun(taken.slot);
        return;
      case 'slot':
        this.take(taken.slot);
        return;
      case 'badge':
        this.said = said.badge(taken.operator);
        return;
      case 'command':
        if (taken.slot !== undefined && taken.isDone) this.#begun(taken.slot);
        else if (taken.command === 'cancel') this.#escape();
        else if (!this.#actOn('space', taken.slot?.slot) && !this.#actOn('enter', taken.slot?.slot)) {
          this.said = said.nothingToConfirm;
        }
    }
  }

  #begun(slot: SlotView): void {
    this.#app.station.hearSlot(slot);
    this.inHand = undefined;
  }

  /** The run of the unit that a card names: by its key or its button, not by a scanner. */
  async start(text: string, slot: number): Promise<void> {
    this.#forget();
    const begun = await this.scan.run(() => this.#app.station.ask('bench.scan', { text, slot }));
    if (begun !== undefined) this.#begun(begun);
  }

  async startVirtual(): Promise<void> {
    this.#forget();
    const done = await this.virtualScan.run(() => this.#app.station.ask('bench.scanVirtual', {}));
    if (done !== undefined) this.said = words.bench.scanVirtualDone(done.started);
  }

  async perform(slot: number, action: SlotAction): Promise<void> {
    switch (action.does) {
      case 'scan':
        await this.start(action.serialNumber, slot);
        return;
      case 'batches':
        this.#app.screen = 'batches';
        return;
      case 'bind':
        this.show(slot);
        return;
      case 'abort':
        await this.#ask(async () => {
          const ended = await this.#app.station.ask('bench.abort', { slot });
          return ended.ok ? ok([ended.value]) : ended;
        });
        return;
      case 'stopLearning':
        await this.#ask(async () => {
          const stopped = await this.#app.station.ask('slot.stopLearning', {});
          return stopped.ok ? ok(stopped.value.slots) : stopped;
        });
        return;
      case 'wait':
        return;
    }
  }

  async #ask(work: () => Promise<Answer<readonly SlotView[]>>): Promise<void> {
    this.#forget();
    for (const slot of (await this.act.run(work)) ?? []) this.#app.station.hearSlot(slot);
  }

  /** One key, wherever the focus is. Returns whether the key was for the bench. */
  key(name: string, { isOnControl, atMs }: KeyPlace): boolean {
    switch (name) {
      case 'Enter':
        return this.capture.enter(atMs) || (!isOnControl && this.#enter());
      case 'Escape':
        return this.capture.clear() || this.#escape();
      case 'Backspace':
        this.capture.backspace();
        return true;
      default:
        if (name.startsWith('Arrow')) return this.#move(name);
        if (name === ' ' && this.text === '') return !isOnControl && this.#actOn('space');
        if (name.length === 1) this.capture.type(name, atMs);
        return name.length === 1;
    }
  }

  #move(arrow: string): boolean {
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -this.columns,
      ArrowDown: this.columns,
    };
    const step = steps[arrow];
    if (step === undefined || this.slots.length === 0) return false;
    const from = this.slots.findIndex((one) => one.slot === this.keyed);
    const to = this.slots[from < 0 ? 0 : from + step];
    if (to !== undefined) this.take(to.slot);
    return true;
  }

  #actOn(key: 'space' | 'enter' | 'escape', at: number | undefined = this.keyed): boolean {
    const slot = this.slots.find((one) => one.slot === at);
    if (slot === undefined) return false;
    const { action } = faceOf(slot, this.state);
    if (!('key' in action) || action.key !== key) return false;
    void this.perform(slot.slot, action);
    return true;
  }

  #enter(): boolean {
    return this.#actOn('enter') || this.#toggle();
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
    this.said = undefined;
  }
}
