/** The slots of one bench: each takes a scan, runs its unit, and keeps the verdict until the next scan. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { Phase, RunView, SlotView, UnitState } from '../../contract/views.ts';
import type { Attestation, Batch, RunId, SerialNumber } from '../batches/model.ts';
import { benchFault, verdictOf } from './faults.ts';
import type { BenchJournal, DeviceSigner, Digest, EndRecord, EndorsementCheck, RunBegun, UnitDriver } from './ports.ts';
import { type RunOutcome, provision } from './run.ts';
import { type GoldenSample, type SampleOutcome, beginSample, checkSample, sampleRecord } from './golden-run.ts';
import { type SlotEvent, nextSlot } from './slot.ts';
import { createStopper, type Stopper } from './stopper.ts';

/** A unit that takes longer is taken for hung: RSA key generation and a slow TPM together stay below two minutes. */
const runLimitMs = 300_000;

export interface BenchSlot {
  readonly slot: number;
  readonly name: string;
  readonly virtualSerialNumber?: string;
  /** Opens the port and gives the driver that the batch's units are spoken to with; without a batch: the bench link. */
  open(batch: Batch | undefined): Promise<Result<UnitDriver>>;
}

export interface BenchParts {
  readonly slots: readonly BenchSlot[];
  readonly journal: BenchJournal;
  readonly endorsement: EndorsementCheck;
  readonly digest: Digest;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  signerFor(batch: Batch): DeviceSigner | undefined;
  /** What units are told of their provisioning service; undefined as long as the station itself does not know it. */
  target(): { readonly idScope: string; readonly endpoint: string } | undefined;
  onSlot(view: SlotView): void;
}

export interface RunRequest {
  readonly batch: Batch;
  readonly serialNumber: SerialNumber;
  readonly operator: string;
  /** The slot the technician chose; without it the bench chooses. */
  readonly slot?: number;
  /** The station takes the unit up again by itself: then only the unit's own memory says that it is still this one. */
  readonly isResumed?: true;
  /** It is no unit but a golden sample: it proves the bench, and is not written. */
  readonly golden?: GoldenSample;
}

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

interface SlotState {
  readonly bench: BenchSlot;
  view: SlotView;
  running: Work | undefined;
  /** Of the slot's last run: what is plugged in is a unit of its kind. */
  batch: Batch | undefined;
}

/** What holds a slot, from the moment it is asked for. */
interface Work {
  readonly stopper: Stopper;
  readonly done: Promise<void>;
  readonly serialNumber: string;
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

type Show = (state: SlotState, event: SlotEvent) => void;
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

interface Running {
  readonly state: SlotState;
  readonly request: RunRequest;
  readonly runId: RunId;
  readonly begun: RunBegun;
  readonly stopper: Stopper;
}

async function runUnit(parts: BenchParts, show: Show, running: Running): Promise<void> {
  const { state, request, runId, stopper } = running;
  const cancelLimit = parts.clock.after(runLimitMs, () => {
    stopper.stop(benchFault('run-too-long', { limitSeconds: runLimitMs / 1_000 }));
  });
  let phaseStartedMs = parts.clock.monotonicMs();
  let reached: Phase = 'connect';
  const onPhase = (phase: Phase): void => {
    reached = phase;
    const nowMs = parts.clock.monotonicMs();
    show(state, { at: 'phase', phase, elapsedMs: Math.round(nowMs - phaseStartedMs) });
    phaseStartedMs = nowMs;
  };
  const outcome = await attempt(parts, running, onPhase).catch((bug: unknown): Outcome => {
    parts.log.error('run-broke', { runId, slot: state.bench.slot, error: String(bug) });
    return { verdict: 'unfinished', phase: reached, fault: benchFault('run-broke') };
  });
  cancelLimit();
  const isSample = request.golden !== undefined;
  const ended = await (isSample ? recordedSample : recorded)(parts, runId, outcome, stopper.reason);
  // Whoever sees the verdict may scan the next unit.
  state.running = undefined;
  show(state, ended);
  parts.log.info('run-ended', {
    runId,
    slot: state.bench.slot,
    serialNumber: request.serialNumber,
    verdict: ended.verdict,
    fault: ended.fault?.code,
  });
  if (ended.verdict !== 'pass') return;
  const typicalMs = await parts.journal.typicalMs(ended.attestation ?? 'x509');
  if (typicalMs !== undefined && state.view.run?.runId === runId) show(state, { at: 'typical', typicalMs });
}

async function attempt(parts: BenchParts, running: Running, onPhase: (phase: Phase) => void): Promise<Outcome> {
  const { state, request, runId, begun, stopper } = running;
  const { batch, serialNumber } = request;
  onPhase('connect');
  const onAttestation = async (attestation: Attestation): Promise<void> => {
    const typicalMs = await parts.journal.typicalMs(attestation);
    if (typicalMs !== undefined) state.view = nextSlot(state.view, { at: 'typical', typicalMs });
  };
  // In a mixed batch the unit itself says which it is, later.
  if (batch.terms.attestation !== 'mixed') await onAttestation(batch.terms.attestation);
  const target = parts.target();
  // A unit that was told nobody's address could never register, and its pass would forbid to repair it.
  if (target === undefined || target.idScope === '' || target.endpoint === '')
    return { verdict: 'unfinished', phase: 'connect', fault: benchFault('target-unknown') };
  state.batch = batch;
  const opened = await state.bench.open(batch);
  if (!opened.ok) return { verdict: 'unfinished', phase: 'connect', fault: opened.fault };
  const driver = opened.value;
  try {
    const { journal, endorsement, digest, clock, random } = parts;
    const station = { journal, endorsement, digest, clock, random, signer: parts.signerFor(batch) };
    const runParts = { ...station, driver, target, onPhase, onAttestation };
    // A hung unit must not hold the slot: when the run is stopped, the driver is closed under the phase that waits.
    stopper.signal.addEventListener('abort', () => void driver.close());
    const { open, done, holdings } = begun;
    const task = { runId, batch, serialNumber, open, done, holdings, isResumed: request.isResumed === true };
    const work = request.golden === undefined ? provision : checkSample;
    return await work(task, { ...runParts, signal: stopper.signal });
  } finally {
    await driver.close();
  }
}

type Ended = Extract<SlotEvent, { at: 'ended' }>;
type Outcome = RunOutcome | SampleOutcome;

/** Of a golden sample: its own verdict, committed or an error. */
async function recordedSample(
  parts: BenchParts,
  runId: RunId,
  outcome: Outcome,
  stopReason: Fault | undefined,
): Promise<Ended> {
  const nowMs = parts.clock.nowMs();
  const record = sampleRecord(outcome, stopReason, nowMs);
  const { verdict, fault } = record;
  const stored = await parts.journal.endSample(runId, record);
  if (!stored.ok) return { at: 'ended', verdict: 'error', nowMs, fault: stored.fault };
  return { at: 'ended', verdict, nowMs, ...(fault === undefined ? {} : { fault }) };
}

/**
 * The verdict that is shown is the one that was committed, also where the answer to the commit was lost; a verdict that
 * cannot be stored is an error.
 */
async function recorded(
  parts: BenchParts,
  runId: RunId,
  outcome: Outcome,
  stopReason: Fault | undefined,
): Promise<Ended> {
  const nowMs = parts.clock.nowMs();
  if (outcome.verdict === 'pass') {
    const { registrationId, attestation } = outcome.record;
    return { at: 'ended', verdict: 'pass', nowMs, registrationId, attestation };
  }
  if (outcome.verdict === 'proven') throw new Error('only a golden sample is proven without a pass');
  // What the closed driver says after a stop is only the echo of the stop.
  const fault = stopReason ?? outcome.fault;
  const verdict = verdictOf(fault);
  const record = { verdict, phase: outcome.phase, fault, endedMs: nowMs, ...markOf(fault) };
  const stored = await parts.journal.end(runId, record);
  if (stored.ok) return { at: 'ended', verdict, nowMs, fault };
  const committed = await parts.journal.verdict(runId);
  return committed.ok && committed.value !== undefined
    ? { at: 'ended', nowMs, ...committed.value }
    : { at: 'ended', verdict: 'error', nowMs, fault: stored.fault };
}

/** What the journal must know of how a run ended, beside its fault. */
function markOf({ code }: Fault): Pick<EndRecord, 'isCut' | 'isNamed'> {
  if (code === 'station-restarted') return { isCut: true };
  return code === 'unit-holds-other' ? { isNamed: true } : {};
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

async function bootOver(parts: BenchParts, state: SlotState, stopper: Stopper): Promise<Result<void>> {
  const opened = await state.bench.open(state.batch);
  if (!opened.ok) return opened;
  const driver = opened.value;
  const cancelLimit = parts.clock.after(runLimitMs, () => {
    stopper.stop(benchFault('run-aborted'));
  });
  stopper.signal.addEventListener('abort', () => void driver.close());
  try {
    const connected = await driver.connect(stopper.signal);
    return connected.ok ? await driver.boot(parts.random.uuid()) : connected;
  } finally {
    cancelLimit();
    await driver.close();
  }
}
