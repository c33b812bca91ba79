/** Starts the port host of a slot as soon as its port is there: the first unit does not wait for a process to start. */
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Bench } from '../bench/bench.ts';

export interface ReadyHostsParts {
  readonly bench: Pick<Bench, 'slots'>;
  readonly clock: Clock;
  /** Starts what will open the slot's port, where that is a program of its own; resolves when it is up. */
  readonly prepare: (slot: number) => Promise<void>;
}

// One at a time, the next when the last is up: a start takes a tenth of a second of a processor, and sixteen at once on a
// loaded PC would be taken for hung.
const startEveryMs = 250;

/** Goes on until the signal is aborted; a port that went away and came back is prepared again. */
export async function keepHostsReady({ bench, clock, prepare }: ReadyHostsParts, signal: AbortSignal): Promise<void> {
  let prepared: readonly number[] = [];
  while (!signal.aborted) {
    const ready = bench.slots().flatMap(({ slot, port }) => (port.state === 'ready' ? [slot] : []));
    const next = ready.find((slot) => !prepared.includes(slot));
    prepared = ready.filter((slot) => slot === next || prepared.includes(slot));
    if (next !== undefined) await prepare(next);
    await sleep(clock, startEveryMs, signal);
  }
}
