import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import type { SlotView } from '../../contract/views.ts';
import { keepHostsReady } from './ready-hosts.ts';

it('prepares the slots that are ready one after another, once, and again when their port came back', async () => {
  const clock = manualClock();
  const prepared: number[] = [];
  const states: SlotView['port']['state'][] = ['ready', 'empty', 'ready'];
  const slots = (): readonly SlotView[] => states.map((state, at) => ({ slot: at + 1, port: { state, name: '' } }));
  const prepare = async (slot: number): Promise<void> => void prepared.push(slot);
  const stop = new AbortController();
  const kept = keepHostsReady({ bench: { slots }, clock, prepare }, stop.signal);
  await clock.advance(0);
  expect(prepared).toEqual([1]);
  await clock.advance(2_000);
  expect(prepared).toEqual([1, 3]);
  states[0] = 'empty';
  await clock.advance(2_000);
  states[0] = 'ready';
  await clock.advance(2_000);
  expect(prepared).toEqual([1, 3, 1]);
  stop.abort();
  await kept;
  expect(clock.pending).toBe(0);
});
