import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { silentLog } from '../../lib/base/log.ts';
import { ok } from '../../lib/base/result.ts';
import type { AdapterPort, CatalogEars } from '../../lib/serial/index.ts';
import { createBindings } from './bindings.ts';
import { createPresence } from './presence.ts';

const adapter: AdapterPort = { path: '/dev/ttyUSB0', name: 'FT232R', usbPath: '1-2:1.0' };

function watching({ tells }: { readonly tells: boolean }) {
  const clock = manualClock();
  const seen: string[] = [];
  const errors: string[] = [];
  const state = { lists: 0, isBroken: false, plugged: [] as AdapterPort[] };
  let ears: CatalogEars | undefined;
  const presence = createPresence({
    bindings: createBindings({
      store: { saveSlots: async () => ok() },
      kept: { slots: { 1: { address: 'usb:1-2:1.0' } } },
      ...{ given: [], givenCount: undefined, virtualSlots: 0 },
    }),
    catalog: {
      list: async () => {
        state.lists += 1;
        if (state.isBroken) throw new Error('the folder is gone');
        return [...state.plugged];
      },
      ...(tells ? { watch: (told: CatalogEars) => ((ears = told), () => (ears = undefined)) } : {}),
    },
    bench: { seen: (slot, port) => slot === 1 && seen.push(port.state), slots: () => [] },
    clock,
    log: { ...silentLog, error: (code) => errors.push(code) },
    virtualPath: () => undefined,
  });
  const stop = new AbortController();
  const ended = presence.watch(stop.signal);
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 50) await clock.advance(50);
  };
  const end = async (): Promise<void> => {
    stop.abort();
    await ended;
  };
  return { state, seen, errors, presence, pass, end, ears: () => ears };
}

it('goes on after a look that broke', async () => {
  const { state, seen, errors, pass, end } = watching({ tells: false });
  await pass(100);
  state.isBroken = true;
  await pass(3_000);
  expect(errors).toContain('look-broke');
  state.isBroken = false;
  state.plugged = [adapter];
  await pass(2_000);
  expect(seen.at(-1)).toBe('ready');
  await end();
});

it('lists the adapters when it is told of a change, and seldom otherwise', async () => {
  const { state, seen, pass, end, ears } = watching({ tells: true });
  await pass(4_000);
  expect(state.lists).toBe(1);
  state.plugged = [adapter];
  ears()?.changed();
  await pass(400);
  expect([state.lists, seen.at(-1)]).toEqual([2, 'ready']);
  // A change that was not told is found all the same.
  state.plugged = [];
  await pass(6_000);
  expect(seen.at(-1)).toBe('empty');
  ears()?.lost();
  state.lists = 0;
  await pass(4_000);
  expect(state.lists).toBeGreaterThanOrEqual(3);
  await end();
  expect(ears()).toBeUndefined();
});

it('lists them at each look while a slot learns, and when it is asked to look', async () => {
  const { state, presence, pass, end } = watching({ tells: true });
  await pass(100);
  await presence.look();
  expect(state.lists).toBe(2);
  await presence.learn(2, 'Ada');
  state.lists = 0;
  await pass(1_500);
  expect(state.lists).toBeGreaterThanOrEqual(4);
  await end();
});
