import { describe, expect, it } from 'vitest';
import type { RunView, SlotView } from '../../src-main/contract/views.ts';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { createClient, type StationPort } from '../bridge/client.ts';
import { Station } from './station.svelte.ts';

const view = {
  stationId: 'bench-07',
  version: '0.1.0',
  operator: 'Ada',
  target: { name: 't', idScope: '0ne', state: 'online', pending: 0, parked: 0, sent: 0, sinceMs: 1, embedded: true },
  slots: 1,
  virtualBench: false,
};
const slotWith = (state: RunView['state'], runId = 'r1'): SlotView => ({
  slot: 1,
  port: { state: 'ready', name: 'p' },
  run: { runId, serialNumber: 'SN-1', state, phases: [], startedMs: 1 },
});

function stationOf() {
  const clock = manualClock();
  const answers: Record<string, unknown> = {
    'station.get': view,
    'bench.get': { slots: [slotWith('working')] },
    'batch.list': { batches: [] },
  };
  const world = { isUp: true, code: 'station-down' };
  const listeners: ((message: unknown) => void)[] = [];
  const port: StationPort = {
    call: async (name) =>
      world.isUp
        ? { ok: true, value: answers[name] }
        : { ok: false, fault: { code: world.code, say: 'Not running.', hint: 'Wait.' } },
    listen: (hear) => {
      listeners.push(hear);
      return () => undefined;
    },
  };
  const tell = (name: string): void => {
    for (const hear of listeners) hear({ kind: 'event', name, payload: {} });
  };
  return { clock, world, tell, station: new Station(createClient(port, clock), clock) };
}

describe('the link to the station', () => {
  it('is starting until everything was asked once, then up', async () => {
    const { clock, station } = stationOf();
    expect(station.link).toEqual({ at: 'starting' });
    const close = station.open();
    await clock.advance(0);
    expect(station.link).toEqual({ at: 'up' });
    expect(station.slots).toHaveLength(1);
    close();
    expect(clock.pending).toBe(0);
  });

  it('says why a station refuses to start, and takes it back once it does', async () => {
    const { clock, world, station } = stationOf();
    Object.assign(world, { isUp: false, code: 'data-folder-in-use' });
    const close = station.open();
    await clock.advance(0);
    expect(station.refusal).toMatchObject({ code: 'data-folder-in-use' });
    world.isUp = true;
    await clock.advance(1_000);
    expect(station.refusal).toBeUndefined();
    expect(station.link).toEqual({ at: 'up' });
    close();
  });

  it('stays starting, not lost, while it has never answered', async () => {
    const { clock, world, station } = stationOf();
    world.isUp = false;
    station.open();
    await clock.advance(10_000);
    expect(station.link).toEqual({ at: 'starting' });
  });

  it('is lost when the heartbeat fails, and up again with all asked anew', async () => {
    const { clock, world, station } = stationOf();
    station.open();
    await clock.advance(0);
    let told = 0;
    station.onRows(() => (told += 1));
    world.isUp = false;
    await clock.advance(5_000);
    expect(station.link.at).toBe('lost');
    world.isUp = true;
    await clock.advance(1_000);
    expect(station.link).toEqual({ at: 'up' });
    expect(told).toBe(1);
  });

  it('is lost as soon as any question finds nobody', async () => {
    const { clock, world, station } = stationOf();
    station.open();
    await clock.advance(0);
    world.isUp = false;
    await station.ask('signer.list', {});
    expect(station.link.at).toBe('lost');
  });
});

describe('a station that ended', () => {
  it('is lost at once when the shell says so, and all is asked anew within a second', async () => {
    const { clock, tell, station } = stationOf();
    station.open();
    await clock.advance(0);
    let told = 0;
    station.onRows(() => (told += 1));
    tell('station.lost');
    expect(station.link.at).toBe('lost');
    await clock.advance(1_000);
    expect(station.link).toEqual({ at: 'up' });
    expect(told).toBe(1);
    expect(clock.pending).toBe(1);
  });
});

describe('a verdict', () => {
  it('is told once, when its run ends', async () => {
    const { clock, station } = stationOf();
    station.open();
    await clock.advance(0);
    const told: string[] = [];
    station.onVerdict((verdict, slot) => told.push(`${verdict} ${slot}`));
    station.hearSlot(slotWith('working'));
    station.hearSlot(slotWith('pass'));
    station.hearSlot(slotWith('pass'));
    expect(told).toEqual(['pass 1']);
  });

  it('is told for a run of which only the end was heard', async () => {
    const { clock, station } = stationOf();
    station.open();
    await clock.advance(0);
    const told: string[] = [];
    station.onVerdict((verdict) => told.push(verdict));
    station.hearSlot(slotWith('pass', 'r1'));
    station.hearSlot(slotWith('fail', 'r2'));
    expect(told).toEqual(['pass', 'fail']);
  });
});
