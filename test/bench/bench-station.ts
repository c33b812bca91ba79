/** The station program as the command line starts it, and the waits that benchmarks share. */
import { systemClock } from '../../src-main/lib/base/host.ts';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { programFile } from '../../src-main/cli/program-file.ts';
import { type StationClient, startStation } from '../../src-main/cli/station-client.ts';

export interface BenchStation {
  readonly client: StationClient;
  /** Its last lines, for a message when something went wrong. */
  readonly lastLines: () => string;
}

export function openStation(data: string, ...args: readonly string[]): BenchStation {
  return openStationUnder([], data, ...args);
}

/** @param node what Node is told beside the program */
export function openStationUnder(node: readonly string[], data: string, ...args: readonly string[]): BenchStation {
  const lines: string[] = [];
  const client = startStation({
    command: process.execPath,
    args: [...node, programFile('station'), '--data', data, '--retry-after', '1', ...args],
    onLine: (line) => {
      lines.push(line);
      // Enough to see why a start failed.
      if (lines.length > 15) lines.shift();
    },
  });
  return { client, lastLines: () => lines.join('\n') };
}

/** Looks again until it is so; the pause is far below what is measured with it. */
export async function until(what: string, limitMs: number, look: () => Promise<boolean>): Promise<void> {
  const untilMs = systemClock.monotonicMs() + limitMs;
  while (!(await look())) {
    if (systemClock.monotonicMs() > untilMs) throw new Error(`not within ${limitMs / 1_000} s: ${what}`);
    await sleep(systemClock, 5);
  }
}

/** Online, with this many units in their slots. */
export async function untilReady({ client }: BenchStation, units: number, limitMs = 60_000): Promise<void> {
  await until(`a station with ${units} units`, limitMs, async () => {
    const { target } = must(await client.call('station.get', {}));
    if (target.state !== 'online' && target.state !== 'draining') return false;
    return (await readySlots(client)) === units;
  });
}

export async function readySlots(client: StationClient): Promise<number> {
  const { slots } = must(await client.call('bench.get', {}));
  return slots.filter((slot) => slot.port.state === 'ready').length;
}
