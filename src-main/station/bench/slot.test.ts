import { describe, expect, it } from 'vitest';
import { type SlotView, SlotView as SlotShape } from '../../contract/views.ts';
import type { RunId, SerialNumber } from '../batches/model.ts';
import { benchFault } from './faults.ts';
import { type SlotEvent, nextSlot } from './slot.ts';

const empty: SlotView = { slot: 3, port: { state: 'empty', name: 'ttyUSB0' } };
const begun: SlotEvent = { at: 'begun', runId: 'r1' as RunId, serialNumber: 'SN1' as SerialNumber, nowMs: 1_000 };
const after = (...events: readonly SlotEvent[]): SlotView => events.reduce(nextSlot, empty);
const phasesOf = (view: SlotView) => view.run?.phases.map(({ state }) => state);
const pass: SlotEvent = { at: 'ended', verdict: 'pass', nowMs: 2_000, registrationId: 'sn1', attestation: 'tpm' };

describe('a slot', () => {
  it('shows a port that is plugged in, pulled out, and lost with its reason', () => {
    expect(after({ at: 'plugged', name: 'ttyUSB1' }).port).toEqual({ state: 'ready', name: 'ttyUSB1' });
    expect(after({ at: 'plugged', name: 'ttyUSB1' }, { at: 'unplugged' }).port).toEqual({
      state: 'empty',
      name: 'ttyUSB1',
    });
  });

  it('is lost when its port goes away under a run, until it is back; between runs it is empty', () => {
    const ready = { state: 'ready', name: 'FT232R', address: 'usb:1-2:1.0' } as const;
    const gone = { state: 'empty', name: '1-2:1.0', address: 'usb:1-2:1.0' } as const;
    const [plugged, pulled]: SlotEvent[] = [
      { at: 'port', port: ready },
      { at: 'port', port: gone },
    ];
    if (plugged === undefined || pulled === undefined) throw new Error('two events');
    expect(after(plugged, pulled).port).toEqual(gone);
    const lost = after(plugged, begun, pulled, pass, pulled).port;
    expect(lost).toMatchObject({ state: 'lost', name: 'FT232R', fault: { code: 'adapter-lost' } });
    expect(after(plugged, begun, pulled, plugged).port).toEqual(ready);
    const unbound = { state: 'empty', name: 'not bound' } as const;
    expect(after(plugged, begun, pulled, { at: 'port', port: unbound }).port).toEqual(unbound);
  });

  it('names the unit that an identity belongs to, so that its history can be asked for', () => {
    const taken = {
      code: 'identity-taken',
      say: 'It belongs to SN0.',
      hint: 'Take it out.',
      detail: { unitId: 'u0', slot: 1 },
    };
    const view = after(begun, { at: 'ended', verdict: 'fail', nowMs: 2_000, fault: taken });
    expect(view.run?.fault).toEqual({
      code: 'identity-taken',
      say: 'It belongs to SN0.',
      hint: 'Take it out.',
      unitId: 'u0',
    });
    expect(SlotShape.parse(view)).toEqual(view);
  });

  it('has every phase before it once a run has begun, and none of the last run', () => {
    const view = after(begun, pass, { ...begun, runId: 'r2' as RunId });
    expect(view.run).toMatchObject({ runId: 'r2', state: 'working' });
    expect(view.run).not.toHaveProperty('registrationId');
    expect(phasesOf(view)).toEqual(['todo', 'todo', 'todo', 'todo', 'todo', 'todo']);
  });

  it('shows one phase at a time, with the time the one before took', () => {
    const view = after(
      begun,
      { at: 'phase', phase: 'connect', elapsedMs: 0 },
      { at: 'phase', phase: 'identify', elapsedMs: 40 },
    );
    expect(phasesOf(view)).toEqual(['done', 'doing', 'todo', 'todo', 'todo', 'todo']);
    expect(view.run?.phases[0]?.elapsedMs).toBe(40);
  });

  it('gives the last phase the time that the others left of the run', () => {
    const view = after(
      begun,
      { at: 'phase', phase: 'connect', elapsedMs: 0 },
      { at: 'phase', phase: 'commit', elapsedMs: 940 },
      pass,
    );
    expect(view.run?.phases.at(-1)).toEqual({ phase: 'commit', state: 'done', elapsedMs: 60 });
  });

  it('marks the phase in which a run failed, and keeps the reason', () => {
    const fault = benchFault('serial-mismatch', { found: 'A', scanned: 'B' });
    const view = after(
      begun,
      { at: 'phase', phase: 'identify', elapsedMs: 1 },
      { at: 'ended', verdict: 'fail', nowMs: 5, fault },
    );
    expect(phasesOf(view)).toEqual(['done', 'failed', 'todo', 'todo', 'todo', 'todo']);
    expect(view.run?.fault).toEqual({ code: fault.code, say: fault.say, hint: fault.hint });
    expect(view.run).not.toHaveProperty('unitState');
  });

  it('follows the life of a unit that passed', () => {
    const view = after(begun, pass, { at: 'lives', unitState: 'registered', hub: 'hub-1' });
    expect(view.run).toMatchObject({ state: 'pass', unitState: 'registered', hub: 'hub-1', endedMs: 2_000 });
    expect(nextSlot(view, { at: 'lives', unitState: 'seen' }).run).toMatchObject({ unitState: 'seen', hub: 'hub-1' });
  });

  it('ignores what is told of a run when there is none', () => {
    expect(after({ at: 'typical', typicalMs: 5 }, { at: 'lives', unitState: 'seen' }, pass)).toEqual(empty);
  });

  it('keeps its verdict when the unit is pulled out', () => {
    expect(after(begun, pass, { at: 'unplugged' }).run?.state).toBe('pass');
  });

  it('is always a view that the contract knows', () => {
    const views = [empty, after(begun), after(begun, { at: 'typical', typicalMs: 9 }), after(begun, pass)];
    expect(views.map((view) => SlotShape.safeParse(view).success)).toEqual([true, true, true, true]);
  });
});
