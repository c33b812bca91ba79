/** Watches what is plugged in, tells each slot of its port, and lets a slot learn its adapter. */
import { stat } from 'node:fs/promises';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { AdapterPort, PortCatalog } from '../../lib/serial/index.ts';
import type { SlotView } from '../../contract/views.ts';
import type { Bench } from '../bench/bench.ts';
import { type Bindings, maxSlots } from './bindings.ts';
import { adapterFault } from './faults.ts';
import { type Learning, type Look, beginLearning, nextLearning } from './learning.ts';
import { parseSlotAddress, usbAddress } from './slot-address.ts';

// Fast enough that a slot is ready before the technician's hand is off the unit.
const lookEveryMs = 300;
/** How old a list of adapters may be, since each reads a hundred files: the system tells of changes, or it does not. */
const listFreshMs = { told: 5_000, untold: 1_000 } as const;

type PortView = SlotView['port'];

export interface PresenceParts {
  readonly bindings: Bindings;
  readonly catalog: PortCatalog;
  readonly bench: Pick<Bench, 'seen' | 'slots'>;
  readonly clock: Clock;
  readonly log: Log;
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
  const lister = createLister(parts);
  let looking: Promise<void> = Promise.resolve();

  const portOf = async (slot: number, plugged: readonly AdapterPort[]): Promise<PortView> => {
    const port = bindings.isVirtual(slot)
      ? await virtualPort(parts.virtualPath(slot))
      : await boundPort(bindings.of(slot).address, plugged);
    if (learner.slot === slot) return { ...port, state: 'learning', ...faultPart(learner.faultOf(slot)) };
    return port.state === 'empty' ? { ...port, ...faultPart(learner.faultOf(slot)) } : port;
  };
  const lookOnce = async (isAnyAge: boolean): Promise<void> => {
    // Who learns must see each coming and going.
    const plugged = await lister.list(isAnyAge && learner.slot === undefined);
    await learner.onward(plugged);
    const slots = Array.from({ length: maxSlots }, (_, at) => at + 1);
    await Promise.all(
      slots.map(async (slot) => {
        bench.seen(slot, await portOf(slot, plugged));
      }),
    );
  };
  // One look at a time: two at once could tell a slot an older truth after a newer one.
  const look = (isAnyAge = false): Promise<void> => {
    // A look that broke is over: the next one is a new one, and the watching goes on.
    looking = looking
      .then(() => lookOnce(isAnyAge))
      .catch((bug: unknown) => {
        parts.log.error('look-broke', { error: bug instanceof Error ? bug.message : typeof bug });
      });
    return looking;
  };
  return Object.freeze({
    look: () => look(),
    watch: async (signal) => {
      const stop = lister.watch();
      while (!signal.aborted) {
        await look(true);
        await sleep(clock, lookEveryMs, signal);
      }
      stop();
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

interface Lister {
  /** @param isKnownEnough the last list will do, where nothing says that it has changed */
  list(isKnownEnough: boolean): Promise<readonly AdapterPort[]>;
  /** Hears of changes until the function it gives is called. */
  watch(): () => void;
}

function createLister({ catalog, clock }: Pick<PresenceParts, 'catalog' | 'clock'>): Lister {
  let kept: { readonly plugged: readonly AdapterPort[]; readonly atMs: number } | undefined;
  let changes = 0;
  let freshMs: number = listFreshMs.untold;
  return {
    async list(isKnownEnough) {
      const atMs = clock.monotonicMs();
      if (isKnownEnough && kept !== undefined && atMs - kept.atMs < freshMs) return kept.plugged;
      changes = 0;
      const plugged = await catalog.list();
      // What changed while it was read is not in it for certain: it is read once more then.
      kept = changes === 0 ? { plugged, atMs } : undefined;
      return plugged;
    },
    watch() {
      const stop = catalog.watch?.({
        changed: () => {
          changes += 1;
          kept = undefined;
        },
        lost: () => {
          freshMs = listFreshMs.untold;
        },
      });
      if (stop !== undefined) freshMs = listFreshMs.told;
      return stop ?? (() => undefined);
    },
  };
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
