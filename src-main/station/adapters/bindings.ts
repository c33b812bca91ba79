/** What each slot is bound to. The command line is told first, the store keeps what people bind, virtual units have theirs. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { adapterFault } from './faults.ts';
import { parseSlotAddress } from './slot-address.ts';

export interface SlotBinding {
  readonly address?: string;
  /** Another speed than the adapter's profile has. */
  readonly baudRate?: number;
  /** DTR and RTS stay down, and are not touched at a close. */
  readonly linesDown?: true;
  /** The driver is asked for short waits, also where the profile does not. */
  readonly lowLatency?: true;
}

interface BindingEvent {
  readonly kind: 'slot.bound' | 'slot.unbound' | 'slot.adjusted' | 'bench.resized';
  readonly actor: string;
  readonly body: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** Where bindings are kept: when a method resolves with ok, change and event are on disk. */
export interface BindingStore {
  saveSlots(
    change: { readonly slot?: { readonly number: number; readonly kept: SlotBinding }; readonly count?: number },
    event: BindingEvent,
  ): Promise<Result<void>>;
}

export interface BindingParts {
  readonly store: BindingStore;
  readonly kept: { readonly slots: Readonly<Record<number, SlotBinding>>; readonly count?: number };
  /** Of the command line: holds at this start whatever is kept. */
  readonly given: readonly { readonly slot: number; readonly address: string }[];
  readonly givenCount: number | undefined;
  /** Virtual units take the slots from 1 on. */
  readonly virtualSlots: number;
}

export interface Bindings {
  of(slot: number): SlotBinding;
  isVirtual(slot: number): boolean;
  /** The slot that an address belongs to. */
  slotAt(address: string): number | undefined;
  /** How many slots the bench shows. */
  count(): number;
  /** @param adapter what the adapter calls itself, for the audit chain */
  bind(slot: number, address: string, by: string, adapter?: string): Promise<Result<void>>;
  unbind(slot: number, by: string): Promise<Result<void>>;
  adjust(slot: number, change: Omit<SlotBinding, 'address'>, by: string): Promise<Result<void>>;
  resize(count: number, by: string): Promise<Result<void>>;
}

export const maxSlots = 16;
/** A bench of real slots shows this many to begin with: one row. */
const firstSlots = 4;

export function createBindings(parts: BindingParts): Bindings {
  const { store, virtualSlots } = parts;
  const bound = new Map<number, SlotBinding>(
    Object.entries(parts.kept.slots).map(([slot, kept]) => [Number(slot), kept]),
  );
  for (const { slot, address } of parts.given) {
    // An adapter that is given to another slot now is no longer where it was kept.
    for (const [other, kept] of bound) if (kept.address === address) bound.set(other, without(kept));
    bound.set(slot, { ...bound.get(slot), address });
  }
  const isVirtual = (slot: number): boolean => slot <= virtualSlots;
  const inUse = (): number =>
    Math.max(virtualSlots, ...[...bound].flatMap(([slot, { address }]) => (address === undefined ? [] : [slot])));
  let chosen = parts.givenCount ?? parts.kept.count;
  // Where the command line names the slots, no other is meant.
  const unasked = virtualSlots > 0 || parts.given.length > 0 ? 0 : firstSlots;
  const of = (slot: number): SlotBinding => bound.get(slot) ?? {};
  const save = async (slot: number, kept: SlotBinding, event: BindingEvent): Promise<Result<void>> => {
    const saved = await store.saveSlots({ slot: { number: slot, kept } }, event);
    if (saved.ok) bound.set(slot, kept);
    return saved;
  };
  const slotAt = (address: string): number | undefined =>
    [...bound].find(([slot, kept]) => kept.address === address && !isVirtual(slot))?.[0];
  return Object.freeze({
    ...{ of, isVirtual, slotAt },
    count: () => Math.max(1, inUse(), chosen ?? unasked),
    bind: async (slot, address, by, adapter) => {
      if (isVirtual(slot)) return failed(adapterFault('slot-virtual', { slot }));
      if (parseSlotAddress(address) === undefined) return failed(adapterFault('address-malformed', { address }));
      const other = slotAt(address);
      if (other === slot) return ok();
      if (other !== undefined) return failed(adapterFault('address-taken', { address, other }));
      // Another adapter has other habits: what was kept for the last one goes with it.
      return save(slot, { address }, { kind: 'slot.bound', actor: by, body: { slot, address, adapter } });
    },
    unbind: async (slot, by) => {
      const { address } = of(slot);
      if (isVirtual(slot)) return failed(adapterFault('slot-virtual', { slot }));
      return address === undefined
        ? ok()
        : save(slot, {}, { kind: 'slot.unbound', actor: by, body: { slot, address } });
    },
    adjust: (slot, change, by) =>
      save(slot, { ...of(slot), ...change }, { kind: 'slot.adjusted', actor: by, body: { slot, ...change } }),
    resize: async (count, by) => {
      if (count < inUse()) return failed(adapterFault('slots-in-use', { slot: inUse() }));
      const saved = await store.saveSlots({ count }, { kind: 'bench.resized', actor: by, body: { slots: count } });
      if (saved.ok) chosen = count;
      return saved;
    },
  } satisfies Bindings);
}

function without({ address: _gone, ...rest }: SlotBinding): SlotBinding {
  return rest;
}
