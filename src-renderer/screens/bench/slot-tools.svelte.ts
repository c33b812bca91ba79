/** What is done with a slot beside its runs: its fixture is bound, its line looked at, its virtual unit given a fault. */
import type { DoctorView, SlotView, VirtualFaultView } from '../../../src-main/contract/views.ts';
import type { CallInput, CallName, CallValue } from '../../../src-main/contract/calls.ts';
import type { App } from '../../state/app.svelte.ts';
import { Task } from '../../state/task.svelte.ts';

type SlotCall = { [Name in CallName]: CallValue<Name> extends SlotView ? Name : never }[CallName];

export class SlotTools {
  readonly act: Task;
  readonly doctor: Task;
  readonly training: Task;
  address = $state('');
  isChecked = $state(false);
  isAskingUnbind = $state(false);
  diagnosis = $state.raw<DoctorView>();
  faults = $state.raw<readonly VirtualFaultView[]>([]);
  faultName = $state('');
  faultValue = $state('');
  readonly #app: App;
  readonly #slot: () => SlotView;

  readonly isAddress = $derived(/^(tcp|serial|usb):.+$/.test(this.address.trim()));
  readonly addressWrong = $derived(this.isChecked && !this.isAddress);
  readonly fault = $derived(this.faults.find((fault) => fault.name === this.faultName));
  readonly fitting = $derived.by(() => {
    const kind = this.#slot().run?.attestation;
    return this.faults.filter((fault) => fault.needs === undefined || kind === undefined || fault.needs === kind);
  });
  /** The value as the fault takes it; undefined where it takes none or the text does not fit. */
  readonly value = $derived.by(() => {
    const range = this.fault?.value;
    const text = this.faultValue.trim();
    if (range === undefined || !/^\d+$/.test(text)) return undefined;
    const value = Number(text);
    return value >= range.least && value <= range.most ? value : undefined;
  });
  readonly canSet = $derived(this.fault !== undefined && (this.fault.value === undefined || this.value !== undefined));

  constructor(app: App, slot: () => SlotView) {
    this.#app = app;
    this.#slot = slot;
    this.act = new Task(app.clock);
    this.doctor = new Task(app.clock);
    this.training = new Task(app.clock);
  }

  async open(): Promise<void> {
    if (this.#slot().virtualSerialNumber === undefined) return;
    const answer = await this.#app.station.ask('virtual.faults', {});
    if (answer.ok) this.faults = answer.value.faults;
  }

  async learn(): Promise<void> {
    await this.#change(this.act, 'slot.learn', { slot: this.#slot().slot });
  }

  async stopLearning(): Promise<void> {
    const stopped = await this.act.run(() => this.#app.station.ask('slot.stopLearning', {}));
    for (const slot of stopped?.slots ?? []) this.#app.station.hearSlot(slot);
  }

  async bind(): Promise<void> {
    this.isChecked = true;
    if (!this.isAddress) return;
    const bound = await this.#change(this.act, 'slot.bind', { slot: this.#slot().slot, address: this.address.trim() });
    if (!bound) return;
    this.address = '';
    this.isChecked = false;
  }

  async unbind(): Promise<void> {
    this.isAskingUnbind = false;
    this.diagnosis = undefined;
    await this.#change(this.act, 'slot.unbind', { slot: this.#slot().slot });
  }

  async check(): Promise<void> {
    const { slot } = this.#slot();
    this.diagnosis = await this.doctor.run(() => this.#app.station.ask('adapter.check', { slot }));
  }

  /** The look under way ends with its own fault, which says that it was stopped. */
  async stopCheck(): Promise<void> {
    const { slot } = this.#slot();
    await this.#app.station.ask('bench.abort', { slot });
  }

  async remedy(remedy: string): Promise<void> {
    const { slot } = this.#slot();
    const diagnosis = await this.doctor.run(() => this.#app.station.ask('adapter.remedy', { slot, remedy }));
    if (diagnosis !== undefined) this.diagnosis = diagnosis;
  }

  choose(name: string): void {
    this.faultName = name;
    this.faultValue = this.fault?.value?.usual?.toString() ?? '';
  }

  async train(): Promise<void> {
    const { fault, value } = this;
    if (fault === undefined || !this.canSet) return;
    const planted = value === undefined ? { name: fault.name } : { name: fault.name, value };
    await this.#change(this.training, 'virtual.setFault', { slot: this.#slot().slot, fault: planted });
  }

  async makeSound(): Promise<void> {
    this.choose('');
    await this.#change(this.training, 'virtual.setFault', { slot: this.#slot().slot });
  }

  async #change<Name extends SlotCall>(task: Task, name: Name, input: CallInput<Name>): Promise<boolean> {
    const view = await task.run(() => this.#app.station.ask(name, input));
    if (view !== undefined) this.#app.station.hearSlot(view);
    return view !== undefined;
  }
}
