/** Watches what is plugged in, tells each slot of its port, and lets a slot learn its adapter. */
import { stat } from 'node:fs/promises';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { AdapterPort, PortCatalog } from '../../lib/serial/index.ts';
import type { SlotView } from '../../contract/views.ts';
import type { Bench } from '../bench/bench.ts';
import { type Bindings, maxSlots } from './bindings.ts';
import { adapterFault } from './faults.ts';
import { type Learning, type Look, beginLearning, nextLearning } from './learning.ts';
import { parseSlotAddress, usbAddress } from './slot-address.ts';

// Fast enough that a slot is ready before the technician's hand is off the unit; a look reads one folder and some links.
const lookEveryMs = 300;

type PortView = SlotView['port'];

export interface PresenceParts {
  readonly bindings: Bindings;
  readonly catalog: PortCatalog;
  readonly bench: Pick<Bench, 'seen' | 'slots'>;
  readonly clock: Clock;
  /** Of a virtual unit, once it has one. */
  virtualPath(slot: number): string | undefined;
}

export interface Presence {
  /** Tells the bench of each slot what is plugged in now. */
  look(): Promise<void>;
  watch(signal: AbortSignal): Promise<void>;
  /** @param by who binds the slot when its adapter comes */
  learn(slot: number, by: string): Promise<Result<void>>;
  stopLearning(): Promise<void>;
  /** Somebody bound the slot, or took its binding away: why its last learning failed is told no more. */
  readonly forgetFault: (slot: number) => void;
}

export function createPresence(parts: PresenceParts): Presence {
  const { bindings, catalog, bench, clock } = parts;
  const learner = createLearner(parts);
  let looking: Promise<void> = Promise.resolve();

  const portOf = async (slot: number, plugged: readonly AdapterPort[]): Promise<PortView> => {
    const port = bindings.isVirtual(slot)
      ? await virtualPort(parts.virtualPath(slot))
      : await boundPort(bindings.of(slot).address, plugged);
    if (learner.slot === slot) return { ...port, state: 'learning', ...faultPart(learner.faultOf(slot)) };
    return port.state === 'empty' ? { ...port, ...faultPart(learner.faultOf(slot)) } : port;
  };
  const lookOnce = async (): Promise<void> => {
    const plugged = await catalog.list();
    await learner.onward(plugged);
    const slots = Array.from({ length: maxSlots }, (_, at) => at + 1);
    await Promise.all(
      slots.map(async (slot) => {
        bench.seen(slot, await portOf(slot, plugged));
      }),
    );
  };
  // One look at a time: two at once could tell a slot an older truth after a newer one.
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce);
    return looking;
  };
  return Object.freeze({
    look,
    watch: async (signal) => {
      while (!signal.aborted) {
        await look();
        await sleep(clock, lookEveryMs, signal);
      }
    },
    learn: async (slot, by) => {
      const refused = bindings.isVirtual(slot) ? adapterFault('slot-virtual', { slot }) : atWork(bench, slot);
      const begun = refused === undefined ? learner.begin(slot, by, await catalog.list()) : failed(refused);
      await look();
      return begun;
    },
    stopLearning: async () => {
      learner.stop();
      await look();
    },
    forgetFault: learner.forget,
  } satisfies Presence);
}

interface Learner {
  /** The one that learns now. */
  readonly slot: number | undefined;
  begin(slot: number, by: string, plugged: readonly AdapterPort[]): Result<void>;
  onward(plugged: readonly AdapterPort[]): Promise<void>;
  stop(): void;
  readonly forget: (slot: number) => void;
  faultOf(slot: number): Fault | undefined;
}

function createLearner({ bindings, clock }: Pick<PresenceParts, 'bindings' | 'clock'>): Learner {
  let learning: (Learning & { readonly by: string }) | undefined;
  const faults = new Map<number, Fault>();
  const lookAt = (plugged: readonly AdapterPort[]): Look => ({
    ...{ plugged, nowMs: clock.monotonicMs() },
    slotAt: (usbPath) => bindings.slotAt(usbAddress(usbPath)),
  });
  return {
    get slot() {
      return learning?.slot;
    },
    begin: (slot, by, plugged) => {
      if (learning !== undefined && learning.slot !== slot) {
        return failed(adapterFault('learning-elsewhere', { other: learning.slot }));
      }
      learning = { ...beginLearning(slot, lookAt(plugged)), by };
      faults.delete(slot);
      return ok();
    },
    onward: async (plugged) => {
      if (learning === undefined) return;
      const { by, slot } = learning;
      const learned = nextLearning(learning, lookAt(plugged));
      learning = learned.at === 'learning' ? { ...learned.learning, by } : undefined;
      if (learned.at === 'ended') faults.set(slot, learned.fault);
      if (learned.at !== 'found') return;
      const { usbPath = '', name } = learned.adapter;
      const bound = await bindings.bind(slot, usbAddress(usbPath), by, name);
      if (!bound.ok) faults.set(slot, bound.fault);
    },
    stop: () => {
      learning = undefined;
    },
    forget: (slot) => {
      faults.delete(slot);
      if (learning?.slot === slot) learning = undefined;
    },
    faultOf: (slot) => (learning?.slot === slot ? learning.fault : faults.get(slot)),
  };
}

/** A slot whose unit is in work keeps its port. */
export function atWork(bench: Pick<Bench, 'slots'>, slot: number): Fault | undefined {
  const view = bench.slots().find((one) => one.slot === slot);
  return view?.run?.state === 'working' ? adapterFault('slot-at-work', { slot }) : undefined;
}

function faultPart(fault: Fault | undefined): Pick<PortView, 'fault'> {
  return fault === undefined ? {} : { fault: { code: fault.code, say: fault.say, hint: fault.hint } };
}

async function virtualPort(path: string | undefined): Promise<PortView> {
  return { state: path !== undefined && (await exists(path)) ? 'ready' : 'empty', name: 'virtual unit' };
}

async function boundPort(address: string | undefined, plugged: readonly AdapterPort[]): Promise<PortView> {
  const where = address === undefined ? undefined : parseSlotAddress(address);
  if (address === undefined || where === undefined) return { state: 'empty', name: 'not bound' };
  // A TCP device server shows whether a unit is there only when it is spoken to.
  if (where.kind === 'tcp') return { state: 'ready', name: address.slice('tcp:'.length), address };
  const adapter = plugged.find((port) =>
    where.kind === 'usb' ? port.usbPath === where.usbPath : port.path === where.path,
  );
  if (where.kind === 'serial') {
    const state = (await exists(where.path)) ? 'ready' : 'empty';
    return { state, name: where.path, address, ...adapterPart(adapter) };
  }
  const { usbPath } = where;
  return adapter === undefined
    ? { state: 'empty', name: usbPath, address }
    : { state: 'ready', name: adapter.name, address, ...adapterPart(adapter) };
}

function adapterPart(adapter: AdapterPort | undefined): Pick<PortView, 'adapter'> {
  if (adapter === undefined) return {};
  const { name, usbPath, vendorId, productId } = adapter;
  return {
    adapter: {
      name,
      ...(usbPath === undefined ? {} : { usbPath }),
      ...(vendorId === undefined ? {} : { vendorId }),
      ...(productId === undefined ? {} : { productId }),
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
