import { describe, expect, it } from 'vitest';
import type { BatchView, RunView, SlotView } from '../../src-main/contract/views.ts';
import { benchStateOf, faceOf, fillOf, isLate } from './slot-face.ts';

const fault = { code: 'ek-already-used', say: 'This TPM belongs to another unit.', hint: 'Put it aside.' };
const run: RunView = {
  runId: 'r',
  serialNumber: 'SN-1',
  state: 'working',
  phases: [
    { phase: 'connect', state: 'done' },
    { phase: 'identify', state: 'doing' },
  ],
  startedMs: 1_000,
};
const slot = (more: Partial<SlotView> = {}): SlotView => ({ slot: 1, port: { state: 'ready', name: 'p' }, ...more });

describe('the face of a slot', () => {
  it('is READY for a scan when a unit is plugged in', () => {
    expect(faceOf(slot(), { hasBatch: true })).toMatchObject({ face: 'ready', action: { does: 'wait', key: 'scan' } });
  });

  it('offers to scan the virtual unit that is plugged in', () => {
    const { action } = faceOf(slot({ virtualSerialNumber: 'V-1' }), { hasBatch: true });
    expect(action).toMatchObject({ does: 'scan', key: 'space', serialNumber: 'V-1' });
  });

  it('is HOLD without a batch, and leads to the batches', () => {
    expect(faceOf(slot(), { hasBatch: false })).toMatchObject({
      face: 'hold',
      action: { does: 'batches', key: 'enter' },
    });
  });

  it('is HOLD with the reason when the port is in trouble', () => {
    const port = { state: 'lost' as const, name: 'p', fault };
    expect(faceOf(slot({ port }), { hasBatch: true })).toMatchObject({
      face: 'hold',
      say: fault.say,
      code: fault.code,
    });
  });

  it('is EMPTY when nothing is plugged in', () => {
    expect(faceOf(slot({ port: { state: 'empty', name: 'p' } }), { hasBatch: true }).face).toBe('empty');
  });

  it('names the phase while WORKING, and lets it be stopped', () => {
    const seen = faceOf(slot({ run }), { hasBatch: true });
    expect(seen).toMatchObject({ face: 'working', action: { does: 'abort', key: 'escape' } });
    expect(seen.say).toContain('Identify');
  });

  it.each(['fail', 'error'] as const)('tells the reason of a %s and runs the same unit again', (state) => {
    const seen = faceOf(slot({ run: { ...run, state, fault } }), { hasBatch: true });
    expect(seen).toMatchObject({ face: state, say: fault.say, hint: fault.hint, code: fault.code });
    expect(seen.action).toMatchObject({ does: 'scan', serialNumber: 'SN-1' });
  });

  it('keeps a verdict until the next scan, even when the unit was taken out and the batch closed', () => {
    const port = { state: 'empty' as const, name: 'p' };
    expect(faceOf(slot({ port, run: { ...run, state: 'pass' } }), { hasBatch: false }).face).toBe('pass');
  });

  it('offers the next virtual unit after a PASS, but not the one that passed', () => {
    const passed = { ...run, state: 'pass' as const };
    expect(faceOf(slot({ run: passed, virtualSerialNumber: 'V-2' }), { hasBatch: true }).action.does).toBe('scan');
    expect(faceOf(slot({ run: passed, virtualSerialNumber: 'SN-1' }), { hasBatch: true }).action.does).toBe('wait');
  });
});

describe('a slot that has no fixture', () => {
  const port = { state: 'empty' as const, name: '' };

  it('is EMPTY and leads to where one is bound', () => {
    expect(faceOf(slot({ port }), { hasBatch: true })).toMatchObject({
      face: 'empty',
      action: { does: 'bind', key: 'enter' },
    });
  });

  it('only wants a unit once it has one', () => {
    const bound = { ...port, address: 'usb:1-2.3:1.0' };
    expect(faceOf(slot({ port: bound }), { hasBatch: true }).action.does).toBe('wait');
  });

  it('says PLUG IN while it learns, also over a verdict, and can be stopped', () => {
    const learning = slot({ slot: 3, port: { ...port, state: 'learning' }, run: { ...run, state: 'pass' } });
    const seen = faceOf(learning, { hasBatch: true });
    expect(seen).toMatchObject({ face: 'learn', action: { does: 'stopLearning', key: 'escape' } });
    expect(seen.say).toContain('slot 3');
  });
});

describe('golden samples', () => {
  const batch = (check?: { passDone: boolean; failDone: boolean }): BatchView =>
    ({
      state: 'open',
      terms: { goldenSamples: true },
      ...(check === undefined ? {} : { goldenCheck: { ...check, sinceMs: 1 } }),
    }) as BatchView;

  it.each([
    [undefined, 'both'],
    [{ passDone: true, failDone: false }, 'fail'],
    [{ passDone: false, failDone: true }, 'pass'],
    [{ passDone: true, failDone: true }, undefined],
  ] as const)('after %o are still due: %s', (check, due) => {
    expect(benchStateOf(batch(check)).due).toBe(due);
  });

  it('hold a ready slot until they are checked, and keep no verdict from being seen', () => {
    const due = { hasBatch: true, due: 'both' } as const;
    expect(faceOf(slot(), due)).toMatchObject({ face: 'hold', action: { does: 'wait', key: 'scan' } });
    expect(faceOf(slot({ run: { ...run, state: 'pass' } }), due).face).toBe('pass');
  });

  const golden = (expects: 'pass' | 'fail') => ({ name: 'G-1', expect: expects });
  it.each([
    ['pass', 'pass', 'pass'],
    ['fail', 'fail', 'pass'],
    ['fail', 'pass', 'fail'],
    ['pass', 'fail', 'fail'],
    ['error', 'fail', 'error'],
  ] as const)('with the verdict %s where %s was to come the check shows as %s', (state, expects, face) => {
    const seen = faceOf(slot({ run: { ...run, state, fault, golden: golden(expects) } }), { hasBatch: true });
    expect(seen.face).toBe(face);
    if (face !== 'error') expect(seen.say).toContain('G-1');
  });
});

describe('the ring', () => {
  it('fills against the typical time and is never full before the verdict', () => {
    const timed = slot({ run: { ...run, typicalMs: 10_000 } });
    expect(fillOf(timed, 6_000)).toBeCloseTo(0.5);
    expect(fillOf(timed, 60_000)).toBeLessThan(1);
    expect(fillOf(timed, 0)).toBe(0);
  });

  it('fills by phases where there is no typical time yet', () => {
    expect(fillOf(slot({ run }), 6_000)).toBeCloseTo(0.5);
  });

  it('is late at twice the typical time, and never without one', () => {
    const timed = slot({ run: { ...run, typicalMs: 10_000 } });
    expect(isLate(timed, 20_000)).toBe(false);
    expect(isLate(timed, 21_001)).toBe(true);
    expect(isLate(slot({ run }), 999_000)).toBe(false);
  });
});
