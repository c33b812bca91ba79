/** What each process of a running station weighs, against a Node that does nothing. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { openStation, until, untilReady } from './bench-station.ts';
import { memoryOfTree, type ProcessMemory } from './processes.ts';
import { type BenchContext, type Benchmark, type Figure, type Reference, median } from './runner.ts';
import { withWindow } from './window.ts';

const units = 4;
// After its work a process still holds what it will give back: this long it is left alone.
const restMs = 5_000;

export const memory: Benchmark = {
  name: 'memory',
  about: 'proportional set size of each process, 4 virtual units seen in their hubs, at rest',
  processes: 'all that a start makes, once headless and once under the window where Electron is there',
  durability: 'does not matter here',
  run,
};

async function run({ folder, block, say }: BenchContext): Promise<readonly Figure[]> {
  const idle = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  await sleep(systemClock, 1_000);
  const aloneMb = pssOf(memoryOfTree(process.pid), idle.pid);
  const started = openStation(join(folder, 'data'), '--listen', `${block.base}.21`, '--virtual-units', String(units));
  let headless: readonly ProcessMemory[];
  try {
    await untilReady(started, units);
    must(await started.client.call('bench.scanVirtual', {}));
    await until('all units seen', 60_000, async () => {
      const { items } = must(await started.client.call('unit.list', { state: 'seen' }));
      return items.length === units;
    });
    await sleep(systemClock, restMs);
    headless = memoryOfTree(process.pid);
  } finally {
    await started.client.stop();
    idle.kill();
  }
  const idleMb = pssOf(headless, idle.pid);
  const own = headless.filter((one) => one.pid !== idle.pid && one.pid !== process.pid);
  say('the window');
  const windowed = await withWindow(`${block.base}.41`, async (open) => {
    const app = await open();
    try {
      await until('all units of the window seen', 90_000, () => app.page.evaluate(seenAfterScan, units));
      await sleep(systemClock, restMs);
      return memoryOfTree(app.pid);
    } finally {
      await app.close();
    }
  });
  const reference = { name: 'an idle node beside them', value: idleMb };
  return [
    ...rows('headless', own, reference),
    ...(typeof windowed === 'string' ? [] : rows('window', windowed, reference)),
    {
      name: 'idle node beside them',
      unit: 'MB',
      value: idleMb,
      note: 'it shares the pages of its program with all of them',
    },
    { name: 'idle node with one other', unit: 'MB', value: aloneMb },
    ...(typeof windowed === 'string'
      ? [{ name: 'window', unit: 'MB', value: Number.NaN, note: windowed } as const]
      : []),
  ];
}

const pssOf = (found: readonly ProcessMemory[], pid: number | undefined): number =>
  found.find((one) => one.pid === pid)?.pssMb ?? Number.NaN;

interface StationPort {
  call(name: string, payload: unknown): Promise<{ readonly value?: { readonly items: readonly unknown[] } }>;
}
declare const station: StationPort;

/** Runs in the page: the virtual bench scans what has no verdict yet, until all of them are seen. */
async function seenAfterScan(wanted: number): Promise<boolean> {
  await station.call('bench.scanVirtual', {});
  const seen = await station.call('unit.list', { state: 'seen' });
  return seen.value?.items.length === wanted;
}

/** Programs of one name in one row: the middle one, and how many there are. */
function rows(start: string, found: readonly ProcessMemory[], reference: Reference): readonly Figure[] {
  const names = [...new Set(found.map((one) => one.name))];
  const each = names.map((name): Figure => {
    const sizes = found.filter((one) => one.name === name).map((one) => one.pssMb);
    const count = sizes.length > 1 ? { note: `${sizes.length} of them` } : {};
    return { name: `${start}: ${name}`, unit: 'MB', value: median(sizes), reference, ...count };
  });
  const sum = found.reduce((total, one) => total + one.pssMb, 0);
  return [...each, { name: `${start}: all ${found.length} together`, unit: 'MB', value: sum, reference }];
}
