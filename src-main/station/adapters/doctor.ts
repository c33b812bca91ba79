/** The adapter doctor: speaks with a slot's unit over its line, and names what is wrong with it. */
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed } from '../../lib/base/result.ts';
import type { Bench } from '../bench/bench.ts';
import type { Bindings } from './bindings.ts';
import { adapterFault } from './faults.ts';
import type { SlotCounter } from './slot-counter.ts';
import type { SlotLineParts } from './slot-line.ts';

export interface DoctorParts {
  readonly bindings: Bindings;
  readonly bench: Pick<Bench, 'slots' | 'occupy'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly lines: SlotLineParts;
  readonly ports: readonly unknown[];
}

export function createDoctor({ ports }: DoctorParts): Pick<SlotCounter, 'check' | 'remedy'> {
  return {
    check: async (slot) => failed(adapterFault('port-unbound', { slot, slots: ports.length })),
    remedy: async (slot) => failed(adapterFault('port-unbound', { slot })),
  };
}
