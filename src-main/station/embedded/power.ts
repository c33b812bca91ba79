/** Plays the customer for virtual units: once the service knows a unit, it is switched on for its first boot. */
import { backoffMs } from '../../lib/base/backoff.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import type { Bench } from '../bench/bench.ts';

// The slot is busy for a moment after its run; a unit that does not start in ten tries is left to the technician.
const attempts = 10;
const backoff = { firstMs: 200, maxMs: 5_000 };

export interface VirtualPower {
  /** Idempotent for a unit: it is switched on once in the life of this process. */
  switchOn(serialNumber: string, slot: number): void;
}

export interface PowerParts {
  readonly bench: Bench;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export function createVirtualPower(parts: PowerParts): VirtualPower {
  const switched = new Set<string>();
  const boot = async (serialNumber: string, slot: number): Promise<void> => {
    for (let attempt = 1; attempt <= attempts && !parts.signal.aborted; attempt += 1) {
      const booted = await parts.bench.boot(slot);
      if (booted.ok) {
        parts.log.info('unit-booted', { serialNumber, slot });
        return;
      }
      parts.log.warn('unit-not-booted', { serialNumber, slot, attempt, code: booted.fault.code });
      await sleep(parts.clock, backoffMs(attempt, parts.random.fraction(), backoff), parts.signal);
    }
    switched.delete(serialNumber);
  };
  return {
    switchOn: (serialNumber, slot) => {
      if (switched.has(serialNumber)) return;
      switched.add(serialNumber);
      void boot(serialNumber, slot);
    },
  };
}
