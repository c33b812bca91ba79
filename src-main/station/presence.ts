/** Watches which slots have a unit: a serial port is plugged in while its device node is there. */
import { stat } from 'node:fs/promises';
import { type Clock, sleep } from '../lib/base/clock.ts';
import type { Bench } from './bench/bench.ts';
import type { SlotPlace } from './drivers/slot-port.ts';

// Fast enough that a slot is ready before the technician's hand is off the unit; one stat a slot costs nothing.
const lookEveryMs = 300;

type Watched = Pick<SlotPlace, 'slot' | 'address'>;

export async function watchPresence(
  places: readonly Watched[],
  bench: Bench,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await lookAtPorts(places, bench);
    await sleep(clock, lookEveryMs, signal);
  }
}

/** Tells the bench of each slot whether its unit is there now. */
export async function lookAtPorts(places: readonly Watched[], bench: Bench): Promise<void> {
  await Promise.all(
    places.map(async (place) => {
      const where = place.address();
      // A TCP device server shows whether a unit is there only when it is spoken to.
      const isPresent = where !== undefined && (where.kind === 'tcp' || (await exists(where.address)));
      bench.plugged(place.slot, isPresent);
    }),
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
