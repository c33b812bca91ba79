/** The station as this window last heard it: whole views, replaced as they come; and whether it answers at all. */
import type { FaultView } from '../../src-main/contract/messages.ts';
import type { BatchView, SlotView, StationView, Verdict } from '../../src-main/contract/views.ts';
import type { CallInput, CallName, CallValue } from '../../src-main/contract/calls.ts';
import type { EventPayload } from '../../src-main/contract/events.ts';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import { lostCodes, type Answer, type Client } from '../bridge/client.ts';

export type Link =
  { readonly at: 'starting' } | { readonly at: 'up' } | { readonly at: 'lost'; readonly sinceMs: number };

// Often enough that a person does not wait on it, seldom enough to cost nothing.
const heartbeatMs = 5_000;
const retryMs = 1_000;

export type Rows = EventPayload<'rows.changed'>;

export class Station {
  readonly client: Client;
  link = $state.raw<Link>({ at: 'starting' });
  view = $state.raw<StationView>();
  /** Why the station does not start, in its own words; while it only has not answered yet, there is none. */
  refusal = $state.raw<FaultView>();
  slots = $state.raw<readonly SlotView[]>([]);
  batches = $state.raw<readonly BatchView[]>([]);
  readonly batch = $derived(this.batches.find((batch) => batch.batchId === this.view?.batchId));
  readonly clock: Clock;
  #rowListeners: readonly ((rows: Rows) => void)[] = [];
  #slotListeners: readonly ((slots: readonly SlotView[], isFresh: boolean) => void)[] = [];
  #verdictListeners: readonly ((verdict: Verdict, slot: number) => void)[] = [];
  #cancelBeat: () => void = () => undefined;
  #isOpen = false;

  constructor(client: Client, clock: Clock) {
    this.client = client;
    this.clock = clock;
  }

  /** Starts to listen and to ask; the returned function ends both. */
  open(): () => void {
    this.#isOpen = true;
    const stops = [
      this.client.on('station.changed', (view) => this.hearView(view)),
      this.client.on('station.lost', () => this.#lose()),
      this.client.on('slot.changed', (slot) => this.hearSlot(slot)),
      this.client.on('batch.changed', (batch) => this.hearBatch(batch)),
      this.client.on('rows.changed', (rows) => {
        for (const hear of this.#rowListeners) hear(rows);
      }),
    ];
    void this.#beat();
    return () => {
      this.#isOpen = false;
      this.#cancelBeat();
      for (const stop of stops) stop();
    };
  }

  onRows(hear: (rows: Rows) => void): () => void {
    this.#rowListeners = [...this.#rowListeners, hear];
    return () => {
      this.#rowListeners = this.#rowListeners.filter((one) => one !== hear);
    };
  }

  onVerdict(hear: (verdict: Verdict, slot: number) => void): () => void {
    this.#verdictListeners = [...this.#verdictListeners, hear];
    return () => {
      this.#verdictListeners = this.#verdictListeners.filter((one) => one !== hear);
    };
  }

  /** Another number of slots: the cards are asked for, since no event tells of one that went. */
  hearView(view: StationView): void {
    const isResized = this.view !== undefined && this.view.slots !== view.slots;
    this.view = view;
    if (isResized) void this.#loadBench();
  }

  /** `isFresh`: after a start or a silence, where whatever changed meanwhile was not heard. */
  onSlots(hear: (slots: readonly SlotView[], isFresh: boolean) => void): () => void {
    this.#slotListeners = [...this.#slotListeners, hear];
    return () => {
      this.#slotListeners = this.#slotListeners.filter((one) => one !== hear);
    };
  }

  hearSlot(slot: SlotView): void {
    const before = this.slots.find((known) => known.slot === slot.slot);
    this.slots = [...this.slots.filter((known) => known.slot !== slot.slot), slot].sort((a, b) => a.slot - b.slot);
    // Until everything was asked for again, what comes is of a station that has just started.
    for (const hear of this.#slotListeners) hear(this.slots, this.link.at !== 'up');
    this.#hearVerdict(slot, before);
  }

  #hearVerdict(slot: SlotView, before: SlotView | undefined): void {
    const verdict = slot.run?.state;
    if (verdict === undefined || verdict === 'working') return;
    if (before?.run?.runId === slot.run?.runId && before?.run?.state !== 'working') return;
    for (const hear of this.#verdictListeners) hear(verdict, slot.slot);
  }

  hearBatch(batch: BatchView): void {
    const known = this.batches.some((one) => one.batchId === batch.batchId);
    this.batches = known
      ? this.batches.map((one) => (one.batchId === batch.batchId ? batch : one))
      : [batch, ...this.batches];
  }

  /** Asks, and notices when nobody answers. */
  async ask<Name extends CallName>(name: Name, payload: CallInput<Name>): Promise<Answer<CallValue<Name>>> {
    return this.watch(await this.client.call(name, payload));
  }

  /** Every answer passes here, so that a silent station is noticed by whoever asks first. */
  watch<T>(answer: Answer<T>): Answer<T> {
    if (!answer.ok && lostCodes.includes(answer.fault.code)) this.#lose();
    return answer;
  }

  async #beat(): Promise<void> {
    const wasUp = this.link.at === 'up';
    const answer = await this.client.call('station.get', {});
    if (!this.#isOpen) return;
    this.refusal = answer.ok || lostCodes.includes(answer.fault.code) ? undefined : answer.fault;
    if (answer.ok) {
      this.view = answer.value;
      if (wasUp || (await this.#load())) this.link = { at: 'up' };
    } else {
      this.#lose();
    }
    this.#beatSoon();
  }

  #beatSoon(): void {
    this.#cancelBeat();
    if (!this.#isOpen) return;
    this.#cancelBeat = this.clock.after(this.link.at === 'up' ? heartbeatMs : retryMs, () => void this.#beat());
  }

  /** Everything is asked for again after a silence: events were missed. */
  async #load(): Promise<boolean> {
    const [bench, batches] = await Promise.all([this.client.call('bench.get', {}), this.client.call('batch.list', {})]);
    if (bench.ok) {
      this.slots = bench.value.slots;
      for (const hear of this.#slotListeners) hear(this.slots, true);
    }
    if (batches.ok) this.batches = batches.value.batches;
    for (const hear of this.#rowListeners) hear({ units: true, outbox: true, service: true });
    return bench.ok && batches.ok;
  }

  async #loadBench(): Promise<void> {
    const bench = await this.ask('bench.get', {});
    if (bench.ok) this.slots = bench.value.slots;
  }

  #lose(): void {
    // While it has never answered it is starting, not lost.
    if (this.link.at !== 'up') return;
    this.link = { at: 'lost', sinceMs: this.clock.nowMs() };
    this.#beatSoon();
  }
}
