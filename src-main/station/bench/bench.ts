/** The slots of one bench: each takes a scan, runs its unit, and keeps the verdict until the next scan. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { RunView, SlotView, UnitState } from '../../contract/views.ts';
import type { RunId } from '../batches/model.ts';
import { benchFault } from './faults.ts';
import { beginSample } from './golden-run.ts';
import { type SlotEvent, nextSlot } from './slot.ts';
import {
  type BenchParts,
  type BenchSlot,
  type RunRequest,
  type Show,
  type SlotState,
  type Work,
  bootOver,
  runUnit,
} from './slot-run.ts';
import { createStopper, type Stopper } from './stopper.ts';

export interface Bench {
  slots(): readonly SlotView[];
  /**
   * Resolves when the run has begun: its row is on disk. The verdict comes by `onSlot`. Refused, it leaves the slot as
   * it was.
   */
  start(request: RunRequest): Promise<Result<SlotView>>;
  abort(slot: number): Result<SlotView>;
  plugged(slot: number, isPresent: boolean): void;
  /** What is known of a slot's port now; told further when it changes. */
  seen(slot: number, port: SlotView['port']): void;
  /** After a restart: shows the slot's last verdict again, unless something newer is there. */
  restore(slot: number, run: RunView): void;
  /** Tells the slot that still shows this unit what became of it. */
  lives(serialNumber: string, unitState: UnitState, hub?: string): void;
  /** Lets a passed unit that is still plugged in start its first boot. */
  boot(slot: number): Promise<Result<void>>;
  /**
   * Does something to the unit of a slot while nothing else speaks to it; refused while it has a run. `signal` ends the
   * work: somebody aborted the slot, or the bench is closed.
   */
  occupy(slot: number, work: (signal: CancelSignal) => Promise<Result<void>>): Promise<Result<void>>;
  /** Shows that the slot's virtual unit has this planted fault, or none. */
  train(slot: number, fault: SlotView['virtualFault']): void;
  /** Takes nothing new from now on, aborts what runs, and waits until every run has ended in a row. */
  close(): Promise<void>;
}

/** Latched by `close`: what is asked for afterwards would outlive it. */
interface Door {
  isClosed: boolean;
}

export function createBench(parts: BenchParts): Bench {
  const states = new Map(parts.slots.map((slot) => [slot.slot, freshSlot(slot)]));
  const show = (state: SlotState, event: SlotEvent): void => {
    state.view = nextSlot(state.view, event);
    parts.onSlot(state.view);
  };
  const door: Door = { isClosed: false };
  const ifOpen = <T>(work: () => Promise<Result<T>>): Promise<Result<T>> =>
    door.isClosed ? Promise.resolve(failed(benchFault('station-restarted'))) : work();
  return Object.freeze({
    slots: () => [...states.values()].map((state) => state.view),
    start: (request) => ifOpen(() => start(parts, states, show, request)),
    abort: (slot) => {
      const state = states.get(slot);
      if (state === undefined) return failed(unknownSlot(states, slot));
      state.running?.stopper.stop(benchFault('run-aborted'));
      return ok(state.view);
    },
    plugged: (slot, isPresent) => {
      const state = states.get(slot);
      if (state === undefined || (state.view.port.state === 'ready') === isPresent) return;
      show(state, isPresent ? { at: 'plugged', name: state.bench.name } : { at: 'unplugged' });
    },
    seen: (slot, port) => {
      const state = states.get(slot);
      if (state === undefined) return;
      const next = nextSlot(state.view, { at: 'port', port });
      if (JSON.stringify(next.port) !== JSON.stringify(state.view.port)) show(state, { at: 'port', port });
    },
    restore: (slot, run) => {
      const state = states.get(slot);
      if (state === undefined || state.view.run !== undefined) return;
      state.view = { ...state.view, run };
      parts.onSlot(state.view);
    },
    lives: (serialNumber, unitState, hub) => {
      // An earlier slot may still show a run of this unit that did not pass.
      const isIt = ({ view: { run } }: SlotState) => run?.serialNumber === serialNumber && run.state === 'pass';
      const state = [...states.values()].find(isIt);
      if (state === undefined) return;
      show(state, hub === undefined ? { at: 'lives', unitState } : { at: 'lives', unitState, hub });
    },
    boot: (slot) => ifOpen(() => occupy(states, slot, (state, stopper) => bootOver(parts, state, stopper))),
    occupy: (slot, work) => ifOpen(() => occupy(states, slot, (_state, { signal }) => work(signal))),
    train: (slot, fault) => {
      const state = states.get(slot);
      if (state !== undefined) show(state, { at: 'training', fault });
    },
    close: async () => {
      door.isClosed = true;
      const running = [...states.values()].flatMap((state) => (state.running === undefined ? [] : [state.running]));
      for (const run of running) run.stopper.stop(benchFault('station-restarted'));
      await Promise.all(running.map((run) => run.done));
    },
  } satisfies Bench);
}

type States = ReadonlyMap<number, SlotState>;

function freshSlot(bench: BenchSlot): SlotState {
  const port = { state: 'empty' as const, name: bench.name };
  const { virtualSerialNumber } = bench;
  const view = { slot: bench.slot, port, ...(virtualSerialNumber === undefined ? {} : { virtualSerialNumber }) };
  return { bench, view, running: undefined, batch: undefined };
}

function unknownSlot(states: States, slot: number): Fault {
  return benchFault('slot-unknown', { slot, slots: states.size });
}

function slotBusy(slot: number, { serialNumber }: Work): Fault {
  return benchFault('slot-busy', { slot, serialNumber });
}

async function start(parts: BenchParts, states: States, show: Show, request: RunRequest): Promise<Result<SlotView>> {
  const chosen = choose(states, request);
  if (!chosen.ok) return chosen;
  const state = chosen.value;
  const runId = parts.random.uuid() as RunId;
  const stopper = createStopper();
  let settle: () => void = () => undefined;
  // Taken before the journal is asked: a second scan meanwhile finds the slot busy.
  const { batch, serialNumber, operator } = request;
  const work: Work = { stopper, serialNumber, done: new Promise((resolve) => (settle = resolve)) };
  state.running = work;
  const startedMs = parts.clock.nowMs();
  const order = { runId, batch, slot: state.bench.slot, serialNumber, operator, startedMs };
  const { golden } = request;
  const { journal } = parts;
  const begun = golden === undefined ? await journal.begin(order) : await beginSample(journal, order);
  const finish = (): void => {
    if (state.running === work) state.running = undefined;
    settle();
  };
  if (!begun.ok) {
    // No row, no verdict: the slot goes on showing its last one, and the refusal is for who scanned.
    finish();
    return begun;
  }
  const told = golden === undefined ? {} : { golden };
  show(state, { at: 'begun', runId, serialNumber, nowMs: startedMs, ...told });
  void runUnit(parts, show, { state, request, runId, begun: begun.value, stopper }).finally(finish);
  return ok(state.view);
}

function choose(states: States, request: RunRequest): Result<SlotState> {
  const all = [...states.values()];
  const busyElsewhere = all.find((state) => state.running?.serialNumber === request.serialNumber);
  if (busyElsewhere !== undefined && busyElsewhere.bench.slot !== request.slot) {
    const { slot } = busyElsewhere.bench;
    return failed(benchFault('serial-in-work', { serialNumber: request.serialNumber, slot }));
  }
  const labelled = all.find((state) => state.bench.virtualSerialNumber === request.serialNumber);
  const state = request.slot === undefined ? (labelled ?? nextReady(all)) : states.get(request.slot);
  if (state === undefined) {
    const fault = request.slot === undefined ? benchFault('slot-none-ready') : unknownSlot(states, request.slot);
    return failed(fault);
  }
  const { slot } = state.bench;
  if (state.running !== undefined) return failed(slotBusy(slot, state.running));
  if (state.view.port.state !== 'ready') return failed(benchFault('slot-empty', { slot }));
  return ok(state);
}

/** A slot without a verdict first, then one whose unit did not pass, then one whose passed unit may be swapped. */
function nextReady(all: readonly SlotState[]): SlotState | undefined {
  const ready = all.filter((state) => state.running === undefined && state.view.port.state === 'ready');
  const rank = (state: SlotState): number =>
    state.view.run === undefined ? 0 : state.view.run.state === 'pass' ? 2 : 1;
  return ready.sort((a, b) => rank(a) - rank(b) || a.bench.slot - b.bench.slot)[0];
}

async function occupy(
  states: States,
  slot: number,
  work: (state: SlotState, stopper: Stopper) => Promise<Result<void>>,
): Promise<Result<void>> {
  const state = states.get(slot);
  if (state === undefined) return failed(unknownSlot(states, slot));
  if (state.running !== undefined) return failed(slotBusy(slot, state.running));
  const stopper = createStopper();
  let settle: () => void = () => undefined;
  // A scan meanwhile finds the slot busy: two must not speak on one line.
  const serialNumber = state.view.run?.serialNumber ?? '';
  state.running = { stopper, serialNumber, done: new Promise((resolve) => (settle = resolve)) };
  try {
    return await work(state, stopper);
  } finally {
    state.running = undefined;
    settle();
  }
}
