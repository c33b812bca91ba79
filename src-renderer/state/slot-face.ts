/** What a slot says at a glance: one face, one sentence, one next action. Pure: the bench and its tests share it. */
import type { BatchView, FaultInView, Phase, RunView, SlotView } from '../../src-main/contract/views.ts';
import { words } from '../words/words.ts';

export const faces = ['pass', 'fail', 'error', 'working', 'ready', 'empty', 'hold', 'learn'] as const;
export type Face = (typeof faces)[number];

export type SlotAction =
  | { readonly does: 'wait'; readonly say: string; readonly key?: 'scan' }
  | { readonly does: 'scan'; readonly say: string; readonly key: 'space'; readonly serialNumber: string }
  | { readonly does: 'abort'; readonly say: string; readonly key: 'escape' }
  | { readonly does: 'batches'; readonly say: string; readonly key: 'enter' }
  | { readonly does: 'bind'; readonly say: string; readonly key: 'enter' }
  | { readonly does: 'stopLearning'; readonly say: string; readonly key: 'escape' };

/** What a unit is held for, beside its own slot. */
export interface BenchState {
  readonly hasBatch: boolean;
  /** The golden samples that the batch still wants checked in this shift. */
  readonly due?: 'pass' | 'fail' | 'both';
}

export function benchStateOf(batch: BatchView | undefined): BenchState {
  const hasBatch = batch?.state === 'open';
  if (!hasBatch || batch.terms.goldenSamples !== true) return { hasBatch };
  const { passDone, failDone } = batch.goldenCheck ?? { passDone: false, failDone: false };
  if (passDone && failDone) return { hasBatch };
  return { hasBatch, due: passDone ? 'fail' : failDone ? 'pass' : 'both' };
}

export interface SlotFace {
  readonly face: Face;
  readonly say: string;
  readonly hint?: string;
  readonly code?: string;
  readonly action: SlotAction;
}

const { say, next } = words.bench;

export function faceOf(slot: SlotView, bench: BenchState): SlotFace {
  const { run, port } = slot;
  if (run?.state === 'working') {
    const at = doing(slot);
    const phase = at === undefined ? words.phases.connect : words.phases[at];
    return { face: 'working', say: say.working(phase), action: { does: 'abort', say: next.stop, key: 'escape' } };
  }
  // Also over a verdict: whoever binds a slot looks for where to plug in.
  if (port.state === 'learning') {
    const stop: SlotAction = { does: 'stopLearning', say: next.stopLearning, key: 'escape' };
    return { face: 'learn', say: say.learning(slot.slot), action: stop };
  }
  if (run !== undefined) return verdictFace(slot, run);
  const unplugged = withoutUnit(slot);
  if (unplugged !== undefined) return unplugged;
  if (!bench.hasBatch) {
    return { face: 'hold', say: say.noBatch, action: { does: 'batches', say: next.chooseBatch, key: 'enter' } };
  }
  if (bench.due !== undefined) {
    return { face: 'hold', say: say.goldenDue[bench.due], action: scanNext(next.scanGolden[bench.due]) };
  }
  const serialNumber = slot.virtualSerialNumber;
  if (serialNumber === undefined) return { face: 'ready', say: say.ready, action: scanNext(next.scan) };
  const virtual: SlotAction = { does: 'scan', say: next.scanVirtual, key: 'space', serialNumber };
  return { face: 'ready', say: say.readyVirtual(serialNumber), action: virtual };
}

function verdictFace(slot: SlotView, run: RunView): SlotFace {
  const { state, golden } = run;
  const again: SlotAction = { does: 'scan', say: next.runAgain, key: 'space', serialNumber: run.serialNumber };
  // Of a sample that does what it must the check has passed, whatever its own verdict is.
  if (golden?.expect === state) {
    return { face: 'pass', say: say.goldenRight[golden.expect](golden.name), action: scanNext(next.scanNext) };
  }
  if (golden !== undefined && (state === 'pass' || state === 'fail')) {
    const wrong = say.goldenWrong[golden.expect];
    const code = run.fault === undefined ? {} : { code: run.fault.code };
    return { face: 'fail', say: wrong.say(golden.name), hint: wrong.hint, ...code, action: again };
  }
  if (state === 'pass') return { face: 'pass', say: say.pass, action: afterPass(slot) };
  return { face: state === 'fail' ? 'fail' : 'error', ...explained(run.fault, words.faces.error), action: again };
}

/** What is to be done before anything can be scanned; undefined when a unit is plugged in. */
function withoutUnit({ port, virtualSerialNumber }: SlotView): SlotFace | undefined {
  const { state, fault, address } = port;
  if (fault !== undefined || state === 'lost') {
    return { face: 'hold', ...explained(fault, say.lost), action: { does: 'wait', say: next.plugAgain } };
  }
  if (state !== 'empty') return undefined;
  if (address === undefined && virtualSerialNumber === undefined) {
    return { face: 'empty', say: say.unbound, action: { does: 'bind', say: next.bind, key: 'enter' } };
  }
  return { face: 'empty', say: say.empty, action: { does: 'wait', say: next.plugIn } };
}

/** How far the ring is filled: by the typical time, or by phases where there is none yet; full only at the verdict. */
export function fillOf(slot: SlotView, nowMs: number): number {
  const { run } = slot;
  if (run === undefined) return 0;
  const most = 0.96;
  if (run.typicalMs !== undefined && run.typicalMs > 0) {
    return Math.min(most, Math.max(0, nowMs - run.startedMs) / run.typicalMs);
  }
  const done = run.phases.filter((phase) => phase.state === 'done').length;
  return Math.min(most, done / Math.max(1, run.phases.length));
}

/** Twice the median is no longer chance. */
export function isLate(slot: SlotView, nowMs: number): boolean {
  const { run } = slot;
  return run?.state === 'working' && run.typicalMs !== undefined && nowMs - run.startedMs > 2 * run.typicalMs;
}

function doing(slot: SlotView): Phase | undefined {
  return slot.run?.phases.find((phase) => phase.state === 'doing')?.phase;
}

function afterPass(slot: SlotView): SlotAction {
  const serialNumber = slot.virtualSerialNumber;
  if (serialNumber === undefined || serialNumber === slot.run?.serialNumber) return scanNext(next.scanNext);
  return { does: 'scan', say: next.scanVirtual, key: 'space', serialNumber };
}

const scanNext = (text: string): SlotAction => ({ does: 'wait', say: text, key: 'scan' });

function explained(
  fault: FaultInView | undefined,
  otherwise: string,
): { readonly say: string; readonly hint?: string; readonly code?: string } {
  if (fault === undefined) return { say: otherwise };
  return { say: fault.say, hint: fault.hint, code: fault.code };
}
