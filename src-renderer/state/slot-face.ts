/** What a slot says at a glance: one face, one sentence, one next action. Pure: the bench and its tests share it. */
import type { FaultInView, Phase, SlotView } from '../../src-main/contract/views.ts';
import { words } from '../words/words.ts';

export const faces = ['pass', 'fail', 'error', 'working', 'ready', 'empty', 'hold'] as const;
export type Face = (typeof faces)[number];

export type SlotAction =
  | { readonly does: 'wait'; readonly say: string; readonly key?: 'scan' }
  | { readonly does: 'scan'; readonly say: string; readonly key: 'space'; readonly serialNumber: string }
  | { readonly does: 'abort'; readonly say: string; readonly key: 'escape' }
  | { readonly does: 'batches'; readonly say: string; readonly key: 'enter' };

export interface SlotFace {
  readonly face: Face;
  readonly say: string;
  readonly hint?: string;
  readonly code?: string;
  readonly action: SlotAction;
}

const { say, next } = words.bench;

export function faceOf(slot: SlotView, hasBatch: boolean): SlotFace {
  const { run, port } = slot;
  if (run?.state === 'working') {
    const at = doing(slot);
    const phase = at === undefined ? words.phases.connect : words.phases[at];
    return { face: 'working', say: say.working(phase), action: { does: 'abort', say: next.stop, key: 'escape' } };
  }
  if (run?.state === 'pass') return { face: 'pass', say: say.pass, action: afterPass(slot) };
  if (run !== undefined) {
    const again: SlotAction = { does: 'scan', say: next.runAgain, key: 'space', serialNumber: run.serialNumber };
    return { face: run.state, ...explained(run.fault, words.faces[run.state]), action: again };
  }
  const unplugged = withoutUnit(port);
  if (unplugged !== undefined) return unplugged;
  if (!hasBatch) {
    return { face: 'hold', say: say.noBatch, action: { does: 'batches', say: next.chooseBatch, key: 'enter' } };
  }
  const serialNumber = slot.virtualSerialNumber;
  if (serialNumber === undefined) return { face: 'ready', say: say.ready, action: scanNext(next.scan) };
  const virtual: SlotAction = { does: 'scan', say: next.scanVirtual, key: 'space', serialNumber };
  return { face: 'ready', say: say.readyVirtual(serialNumber), action: virtual };
}

/** What is to be done before anything can be scanned; undefined when a unit is plugged in. */
function withoutUnit({ state, fault }: SlotView['port']): SlotFace | undefined {
  if (state === 'learning') return { face: 'hold', say: say.learning, action: { does: 'wait', say: next.plugIn } };
  if (fault !== undefined || state === 'lost') {
    return { face: 'hold', ...explained(fault, say.lost), action: { does: 'wait', say: next.plugAgain } };
  }
  if (state === 'empty') return { face: 'empty', say: say.empty, action: { does: 'wait', say: next.plugIn } };
  return undefined;
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
