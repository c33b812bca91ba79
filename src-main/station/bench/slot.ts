/** What one slot shows: a pure table from (view, event) to the next view. */
import { unreachable } from '../../lib/base/result.ts';
import type { Fault } from '../../lib/base/fault.ts';
import {
  type FaultInView,
  type Phase,
  type RunView,
  type SlotView,
  type UnitState,
  type Verdict,
  phases,
} from '../../contract/views.ts';
import { benchFault } from './faults.ts';
import type { Attestation, RunId, SerialNumber } from '../batches/model.ts';
import { samplePhases } from './golden-run.ts';

export type SlotEvent =
  | { readonly at: 'plugged'; readonly name: string }
  | { readonly at: 'unplugged' }
  /** What is known of the slot's port now; `nextSlot` decides whether it is lost. */
  | { readonly at: 'port'; readonly port: SlotView['port'] }
  | {
      readonly at: 'begun';
      readonly runId: RunId;
      readonly serialNumber: SerialNumber;
      readonly nowMs: number;
      readonly golden?: NonNullable<RunView['golden']>;
    }
  | { readonly at: 'typical'; readonly typicalMs: number }
  | { readonly at: 'phase'; readonly phase: Phase; readonly elapsedMs: number }
  | {
      readonly at: 'ended';
      readonly verdict: Verdict;
      readonly nowMs: number;
      readonly fault?: Fault;
      readonly registrationId?: string;
      readonly attestation?: Attestation;
    }
  | { readonly at: 'lives'; readonly unitState: UnitState; readonly hub?: string }
  | { readonly at: 'training'; readonly fault: SlotView['virtualFault'] };

export function nextSlot(slot: SlotView, event: SlotEvent): SlotView {
  switch (event.at) {
    case 'plugged':
      return { ...slot, port: { state: 'ready', name: event.name } };
    case 'unplugged':
      return { ...slot, port: { state: 'empty', name: slot.port.name } };
    case 'port':
      return { ...slot, port: portAfter(slot, event.port) };
    case 'begun':
      return { ...slot, run: begun(event) };
    case 'typical':
      return onRun(slot, (run) => ({ ...run, typicalMs: event.typicalMs }));
    case 'phase':
      return onRun(slot, (run) => ({ ...run, phases: reached(run, event.phase, event.elapsedMs) }));
    case 'ended':
      return onRun(slot, (run) => ended(run, event));
    case 'lives':
      return onRun(slot, (run) => ({
        ...run,
        unitState: event.unitState,
        ...(event.hub === undefined ? {} : { hub: event.hub }),
      }));
    case 'training': {
      const { virtualFault: _, ...rest } = slot;
      return event.fault === undefined ? rest : { ...rest, virtualFault: event.fault };
    }
    default:
      return unreachable(event);
  }
}

/** A port that goes away under a run is lost until it is back; between two runs units come and go. */
function portAfter({ slot, port: before, run }: SlotView, port: SlotView['port']): SlotView['port'] {
  const isSame = before.address === port.address;
  const wentAway = before.state === 'lost' || (before.state === 'ready' && run?.state === 'working');
  if (port.state !== 'empty' || !isSame || !wentAway) return port;
  return { ...before, state: 'lost', fault: shown(benchFault('adapter-lost', { slot })) };
}

function onRun(slot: SlotView, change: (run: RunView) => RunView): SlotView {
  return slot.run === undefined ? slot : { ...slot, run: change(slot.run) };
}

function begun(event: Extract<SlotEvent, { at: 'begun' }>): RunView {
  return {
    runId: event.runId,
    serialNumber: event.serialNumber,
    state: 'working',
    startedMs: event.nowMs,
    phases: (event.golden === undefined ? phases : samplePhases).map((phase) => ({ phase, state: 'todo' })),
    ...(event.golden === undefined ? {} : { golden: event.golden }),
  };
}

function reached(run: RunView, phase: Phase, elapsedMs: number): RunView['phases'] {
  const reachedAt = run.phases.findIndex((row) => row.phase === phase);
  return run.phases.map((row, at) => {
    if (at < reachedAt) return row.state === 'doing' ? { ...row, state: 'done', elapsedMs } : { ...row, state: 'done' };
    return at === reachedAt ? { ...row, state: 'doing' } : row;
  });
}

function ended(run: RunView, event: Extract<SlotEvent, { at: 'ended' }>): RunView {
  const lastState = event.verdict === 'pass' ? 'done' : 'failed';
  const earlierMs = run.phases.reduce((sum, row) => sum + (row.elapsedMs ?? 0), 0);
  // No phase follows the last one to tell how long it took: it has what the others left of the run.
  const elapsedMs = Math.max(0, event.nowMs - run.startedMs - earlierMs);
  return {
    ...run,
    state: event.verdict,
    endedMs: event.nowMs,
    phases: run.phases.map((row) => (row.state === 'doing' ? { ...row, state: lastState, elapsedMs } : row)),
    ...(event.fault === undefined ? {} : { fault: shown(event.fault) }),
    ...(event.registrationId === undefined ? {} : { registrationId: event.registrationId }),
    ...(event.attestation === undefined ? {} : { attestation: event.attestation }),
    ...(event.verdict === 'pass' && run.golden === undefined ? { unitState: 'passed' as const } : {}),
  };
}

function shown({ code, say, hint, detail }: Fault): FaultInView {
  const unitId = detail?.['unitId'];
  return { code, say, hint, ...(typeof unitId === 'string' ? { unitId } : {}) };
}
