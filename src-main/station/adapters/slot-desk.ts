/** Answers what a screen asks of the slots' ports. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { PortCatalog } from '../../lib/serial/index.ts';
import type { DoctorView, ListedAdapterView, SlotView } from '../../contract/views.ts';
import type { Bench } from '../bench/bench.ts';
import { benchFault } from '../bench/faults.ts';
import type { Bindings } from './bindings.ts';
import { maxSlots } from './bindings.ts';
import { type Presence, atWork } from './presence.ts';
import { parseSlotAddress, usbAddress } from './slot-address.ts';

export interface SlotDeskParts {
  readonly bindings: Bindings;
  readonly presence: Presence;
  readonly catalog: PortCatalog;
  readonly bench: Pick<Bench, 'slots'>;
  readonly doctor: Pick<SlotDesk, 'check' | 'remedy'>;
  /** A slot that was not shown until now. */
  onSlot(view: SlotView): void;
}

export interface SlotDesk {
  adapters(): Promise<readonly ListedAdapterView[]>;
  learn(slot: number, by: string): Promise<Result<SlotView>>;
  stopLearning(): Promise<void>;
  bind(slot: number, address: string, by: string): Promise<Result<SlotView>>;
  unbind(slot: number, by: string): Promise<Result<SlotView>>;
  check(slot: number): Promise<Result<DoctorView>>;
  remedy(slot: number, remedy: string, by: string): Promise<Result<DoctorView>>;
  resize(slots: number, by: string): Promise<Result<void>>;
}

export function createSlotDesk(parts: SlotDeskParts): SlotDesk {
  const { bindings, presence, catalog, bench } = parts;
  const viewOf = (slot: number): Result<SlotView> => {
    const view = bench.slots().find((one) => one.slot === slot);
    return view === undefined ? failed(benchFault('slot-unknown', { slot, slots: maxSlots })) : ok(view);
  };
  /** Nothing of a slot in work is changed; afterwards the slot is looked at once more. */
  const changed = async (slot: number, change: () => Promise<Result<void>>): Promise<Result<SlotView>> => {
    const working = atWork(bench, slot);
    const done = working === undefined ? await change() : failed(working);
    if (!done.ok) return done;
    presence.forgetFault(slot);
    await presence.look();
    return viewOf(slot);
  };
  const nameAt = async (address: string): Promise<string | undefined> => {
    const where = parseSlotAddress(address);
    if (where?.kind !== 'usb') return undefined;
    return (await catalog.list()).find(({ usbPath }) => usbPath === where.usbPath)?.name;
  };
  return Object.freeze({
    adapters: async () => (await catalog.list()).map((port) => listed(port, bindings)),
    learn: async (slot, by) => {
      const learning = await presence.learn(slot, by);
      return learning.ok ? viewOf(slot) : learning;
    },
    stopLearning: () => presence.stopLearning(),
    bind: (slot, address, by) => changed(slot, async () => bindings.bind(slot, address, by, await nameAt(address))),
    unbind: (slot, by) => changed(slot, () => bindings.unbind(slot, by)),
    check: (slot) => parts.doctor.check(slot),
    remedy: (slot, remedy, by) => parts.doctor.remedy(slot, remedy, by),
    resize: async (slots, by) => {
      const before = bindings.count();
      const resized = await bindings.resize(slots, by);
      for (const view of bench.slots()) if (view.slot > before && view.slot <= bindings.count()) parts.onSlot(view);
      return resized;
    },
  } satisfies SlotDesk);
}

function listed(port: Awaited<ReturnType<PortCatalog['list']>>[number], bindings: Bindings): ListedAdapterView {
  const { path: device, name, usbPath, vendorId, productId } = port;
  const address = usbPath === undefined ? `serial:${device}` : usbAddress(usbPath);
  const slot = bindings.slotAt(address) ?? bindings.slotAt(`serial:${device}`);
  return {
    ...{ device, name, address },
    ...(usbPath === undefined ? {} : { usbPath }),
    ...(vendorId === undefined ? {} : { vendorId }),
    ...(productId === undefined ? {} : { productId }),
    ...(slot === undefined ? {} : { slot }),
  };
}
