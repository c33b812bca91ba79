/** Learns a slot's adapter by plugging: a pure table from (state, what is plugged in) to the next state. */
import type { Fault } from '../../lib/base/fault.ts';
import type { AdapterPort } from '../../lib/serial/index.ts';
import { adapterFault } from './faults.ts';
import { usbAddress } from './slot-address.ts';

/** Time to walk to a fixture and find its plug; a slot that waits for ever would take next week's adapter. */
export const learnLimitMs = 90_000;

export interface Learning {
  readonly slot: number;
  readonly endsMs: number;
  /** Places that were taken before: what is pulled and plugged in again is new. */
  readonly known: readonly string[];
  /** New at the last look; what is new at two looks in a row has all its channels there. */
  readonly candidates: readonly string[];
  /** Told while it goes on: an adapter of another slot was plugged in. */
  readonly fault?: Fault;
}

export interface Look {
  readonly plugged: readonly AdapterPort[];
  readonly nowMs: number;
  /** The slot that is bound to a place. */
  slotAt(usbPath: string): number | undefined;
}

export type Learned =
  | { readonly at: 'learning'; readonly learning: Learning }
  | { readonly at: 'found'; readonly adapter: AdapterPort }
  | { readonly at: 'ended'; readonly fault: Fault };

type Placed = AdapterPort & { readonly usbPath: string };

const placed = (ports: readonly AdapterPort[]): readonly Placed[] =>
  ports.flatMap((port) => (port.usbPath === undefined ? [] : [{ ...port, usbPath: port.usbPath }]));

export function beginLearning(slot: number, look: Look): Learning {
  const known = placed(look.plugged).map(({ usbPath }) => usbPath);
  return { slot, endsMs: look.nowMs + learnLimitMs, known, candidates: [] };
}

export function nextLearning(learning: Learning, look: Look): Learned {
  const present = placed(look.plugged);
  const known = learning.known.filter((usbPath) => present.some((port) => port.usbPath === usbPath));
  const fresh = present.filter(({ usbPath }) => !known.includes(usbPath));
  const belongsElsewhere = ({ usbPath }: Placed): boolean => {
    const owner = look.slotAt(usbPath);
    return owner !== undefined && owner !== learning.slot;
  };
  const candidates = fresh.filter((port) => !belongsElsewhere(port));
  const names = candidates.map(({ usbPath }) => usbPath);
  const isSettled = names.length > 0 && names.join() === learning.candidates.join();
  if (isSettled) return chosen(candidates);
  const isLate = look.nowMs >= learning.endsMs && (names.length === 0 || learning.candidates.length > 0);
  if (isLate) {
    return { at: 'ended', fault: adapterFault('learning-late', { seconds: learnLimitMs / 1_000 }) };
  }
  const stranger = fresh.find(belongsElsewhere);
  const fault = stranger === undefined ? learning.fault : boundFault(stranger, look);
  const { slot, endsMs } = learning;
  return {
    at: 'learning',
    learning: { ...{ slot, endsMs, known }, candidates: names, ...(fault === undefined ? {} : { fault }) },
  };
}

function chosen(candidates: readonly Placed[]): Learned {
  const [first, ...others] = candidates;
  if (first !== undefined && others.length === 0) return { at: 'found', adapter: first };
  const devices = new Set(candidates.map(({ usbPath }) => usbPath.split(':')[0]));
  const addresses = candidates.map(({ usbPath }) => usbAddress(usbPath)).join(', ');
  const names = candidates.map(({ name, usbPath }) => `${name} (${usbAddress(usbPath)})`).join(', ');
  const fault =
    devices.size === 1
      ? adapterFault('learning-channels', { name: first?.name ?? '', addresses })
      : adapterFault('learning-several', { names });
  return { at: 'ended', fault };
}

function boundFault(port: Placed, look: Look): Fault {
  return adapterFault('learning-bound', { name: port.name, other: look.slotAt(port.usbPath) ?? 0 });
}
