/** How long a start on a prepared data folder takes: to a ready bench without a window, and to a window that takes input. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { must } from '../../src-main/lib/base/result.ts';
import { openStation, untilReady } from './bench-station.ts';
import { type BenchContext, type Benchmark, type Figure, median, nowMs, ofSamples, timed } from './runner.ts';
import { withWindow } from './window.ts';

const units = 4;
const headlessRuns = 5;
const nodeRuns = 10;
const windowRuns = 5;
const npmRuns = 3;
const checkout = join(import.meta.dirname, '../..');

export const start: Benchmark = {
  name: 'start',
  about: 'a second start -> the station answers, its 4 slots are ready, its window takes input',
  processes:
    'station, port hosts, service, hubs, 4 agents (swtpm where it is installed); with the window: Electron as well',
  durability: 'the data folder of the first start is used again',
  run,
};

async function run({ folder, block, say }: BenchContext): Promise<readonly Figure[]> {
  const nodeMs: number[] = [];
  for (let at = 0; at < nodeRuns; at += 1) nodeMs.push(await programMs(process.execPath, '-e', '0'));
  const node = { reference: { name: 'node -e 0', value: median(nodeMs) } };
  const data = join(folder, 'data');
  const listen = `${block.base}.61`;
  say('the first start');
  await headlessMs(data, listen);
  const answers: number[] = [];
  const ready: number[] = [];
  for (let at = 1; at <= headlessRuns; at += 1) {
    say(`headless ${at} of ${headlessRuns}`);
    const times = await headlessMs(data, listen);
    answers.push(times.answersMs);
    ready.push(times.readyMs);
  }
  const npm: number[] = [];
  for (let at = 0; at < npmRuns; at += 1) npm.push(await programMs('npm', 'start', '--', '--headless', '--help'));
  return [
    ofSamples('node -e 0', nodeMs),
    ofSamples('npm start -- --help', npm, {
      ...node,
      note: 'npm and the look at the set-up: comes before the next two',
    }),
    ofSamples('headless: the station answers', answers, node),
    ofSamples('headless: online, 4 slots ready', ready, node),
    ...(await windowFigures(`${block.base}.81`, say)),
  ];
}

async function programMs(command: string, ...args: readonly string[]): Promise<number> {
  const { ms, value: code } = await timed(async () => {
    const child = spawn(command, args, { stdio: 'ignore', cwd: checkout });
    const [status] = (await once(child, 'exit')) as [number | null];
    return status;
  });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code ?? 'a signal'}`);
  return ms;
}

async function headlessMs(data: string, listen: string): Promise<{ answersMs: number; readyMs: number }> {
  const startMs = nowMs();
  const station = openStation(data, '--listen', listen, '--virtual-units', String(units));
  try {
    must(await station.client.call('station.get', {}));
    const answersMs = nowMs() - startMs;
    await untilReady(station, units);
    return { answersMs, readyMs: nowMs() - startMs };
  } finally {
    await station.client.stop();
  }
}

async function windowFigures(listen: string, say: BenchContext['say']): Promise<readonly Figure[]> {
  const measured = await withWindow(listen, async (open, openEmpty) => {
    const close = async (window: Awaited<ReturnType<typeof open>>): Promise<number> => {
      await window.close();
      return window.openMs;
    };
    say('the first window');
    await close(await open());
    await close(await openEmpty());
    const full: number[] = [];
    const empty: number[] = [];
    for (let at = 1; at <= windowRuns; at += 1) {
      say(`window ${at} of ${windowRuns}`);
      full.push(await close(await open()));
      empty.push(await close(await openEmpty()));
    }
    return { full, empty };
  });
  if (typeof measured === 'string') return [{ name: 'window', unit: 'ms', value: Number.NaN, note: measured }];
  const empty = { name: 'an empty Electron window', value: median(measured.empty) };
  return [
    ofSamples('an empty Electron window', measured.empty),
    ofSamples('window: a control of the Bench takes input', measured.full, { reference: empty }),
  ];
}
