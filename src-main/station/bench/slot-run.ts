/** One unit in one slot: its run within a limit of time, and the verdict as it was committed. */
import type { Clock } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import type { Result } from '../../lib/base/result.ts';
import type { Phase, SlotView } from '../../contract/views.ts';
import type { Attestation, Batch, RunId, SerialNumber } from '../batches/model.ts';
import { benchFault, verdictOf } from './faults.ts';
import { type GoldenSample, type SampleOutcome, checkSample, sampleRecord } from './golden-run.ts';
import type { BenchJournal, DeviceSigner, Digest, EndRecord, EndorsementCheck, RunBegun, UnitDriver } from './ports.ts';
import { type RunOutcome, provision } from './run.ts';
import { type SlotEvent, nextSlot } from './slot.ts';
import type { Stopper } from './stopper.ts';

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

export interface SlotState {
  readonly bench: BenchSlot;
  view: SlotView;
  running: Work | undefined;
  /** Of the slot's last run: what is plugged in is a unit of its kind. */
  batch: Batch | undefined;
}

/** What holds a slot, from the moment it is asked for. */
export interface Work {
  readonly stopper: Stopper;
  readonly done: Promise<void>;
  readonly serialNumber: string;
}

export type Show = (state: SlotState, event: SlotEvent) => void;

export interface Running {
  readonly state: SlotState;
  readonly request: RunRequest;
  readonly runId: RunId;
  readonly begun: RunBegun;
  readonly stopper: Stopper;
}

export async function runUnit(parts: BenchParts, show: Show, running: Running): Promise<void> {
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

export async function bootOver(parts: BenchParts, state: SlotState, stopper: Stopper): Promise<Result<void>> {
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
