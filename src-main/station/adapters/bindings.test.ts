import { describe, expect, it } from 'vitest';
import { ok } from '../../lib/base/result.ts';
import { type BindingParts, createBindings } from './bindings.ts';

function bindingsOf(change: Partial<BindingParts> = {}) {
  const saved: unknown[] = [];
  const events: unknown[] = [];
  const store: BindingParts['store'] = {
    saveSlots: async (kept, event) => {
      saved.push(kept);
      events.push(event);
      return ok();
    },
  };
  const parts = { store, kept: { slots: {} }, given: [], givenCount: undefined, virtualSlots: 0, ...change };
  return { bindings: createBindings(parts), saved, events };
}

describe('the bindings of the slots', () => {
  it('are kept with who bound what, and forget another adapter’s habits', async () => {
    const kept = { slots: { 3: { address: 'usb:1-1:1.0', baudRate: 57_600 } } };
    const { bindings, saved, events } = bindingsOf({ kept });
    expect(await bindings.bind(3, 'usb:1-2:1.0', 'Ada', 'FT232R')).toEqual(ok());
    expect(saved).toEqual([{ slot: { number: 3, kept: { address: 'usb:1-2:1.0' } } }]);
    const body = { slot: 3, address: 'usb:1-2:1.0', adapter: 'FT232R' };
    expect(events).toEqual([{ kind: 'slot.bound', actor: 'Ada', body }]);
    expect(bindings.slotAt('usb:1-2:1.0')).toBe(3);
    await bindings.unbind(3, 'Ada');
    expect(bindings.slotAt('usb:1-2:1.0')).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ kind: 'slot.unbound', body: { slot: 3, address: 'usb:1-2:1.0' } });
  });

  it('give no port to two slots, none to a virtual unit, and take no address that is none', async () => {
    const { bindings, saved } = bindingsOf({ kept: { slots: { 3: { address: 'usb:1-1:1.0' } } }, virtualSlots: 1 });
    const codes = await Promise.all(
      [
        bindings.bind(4, 'usb:1-1:1.0', 'Ada'),
        bindings.bind(1, 'usb:1-9:1.0', 'Ada'),
        bindings.bind(4, 'COM7', 'Ada'),
      ].map(async (bound) => {
        const result = await bound;
        return result.ok ? 'ok' : result.fault.code;
      }),
    );
    expect(codes).toEqual(['address-taken', 'slot-virtual', 'address-malformed']);
    expect(await bindings.bind(3, 'usb:1-1:1.0', 'Ada')).toEqual(ok());
    expect(saved).toEqual([]);
  });

  it('follow the command line at this start, also where it moves an adapter to another slot', () => {
    const kept = { slots: { 2: { address: 'usb:1-1:1.0' }, 3: { address: 'usb:1-3:1.0' } } };
    const given = [{ slot: 5, address: 'usb:1-1:1.0' }];
    const { bindings } = bindingsOf({ kept, given });
    expect([2, 3, 5].map((slot) => bindings.of(slot).address)).toEqual([undefined, 'usb:1-3:1.0', 'usb:1-1:1.0']);
  });

  it('show four slots unless told otherwise, or as many as were chosen, never fewer than are in use', async () => {
    expect(bindingsOf().bindings.count()).toBe(4);
    expect(bindingsOf({ kept: { slots: { 1: { address: 'serial:p' } } } }).bindings.count()).toBe(4);
    expect(bindingsOf({ given: [{ slot: 1, address: 'serial:p' }] }).bindings.count()).toBe(1);
    expect(bindingsOf({ virtualSlots: 2 }).bindings.count()).toBe(2);
    expect(bindingsOf({ givenCount: 9 }).bindings.count()).toBe(9);
    const { bindings, events } = bindingsOf({ kept: { slots: { 6: { address: 'serial:p' } }, count: 8 } });
    expect(bindings.count()).toBe(8);
    expect(await bindings.resize(5, 'Ada')).toMatchObject({ ok: false, fault: { code: 'slots-in-use' } });
    await bindings.resize(16, 'Ada');
    expect(bindings.count()).toBe(16);
    expect(events).toEqual([{ kind: 'bench.resized', actor: 'Ada', body: { slots: 16 } }]);
  });
});
