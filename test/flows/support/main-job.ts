/** The main job as a user starts it, and what can be seen of it from outside while it runs. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { sleep } from '../../../src-main/lib/base/clock.ts';
import { systemClock } from '../../../src-main/lib/base/host.ts';
import type { HeadlessResult } from '../../../src-main/cli/headless.ts';

const cli = join(import.meta.dirname, '../../../src-main/cli.ts');
const jobLimitMs = 110_000;

export interface JobEnd {
  readonly code: number | null;
  readonly text: string;
  /** Pseudo-terminals of this job's units that a port host of its own had open, by the path a unit announced. */
  readonly hostedPorts: ReadonlySet<string>;
}

export interface JobOptions {
  readonly data: string;
  readonly listen: string;
  readonly tpm: 'swtpm' | 'software';
  readonly units?: number;
  readonly jsonFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function runMainJob(options: JobOptions): Promise<JobEnd> {
  const { data, listen, tpm, units = 4, jsonFile, env } = options;
  const words = ['--units', String(units), '--attestation', 'mixed', '--tpm', tpm, '--retry-after', '1'];
  const places = ['--json', jsonFile, '--data', data, '--listen', listen];
  const child = spawn(process.execPath, [cli, 'start', '--headless', ...words, ...places], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (text += piece.toString()));
  const ended = new AbortController();
  child.once('exit', () => {
    ended.abort();
  });
  const cancelLimit = systemClock.after(jobLimitMs, () => void child.kill('SIGTERM'));
  const hostedPorts = new Set<string>();
  while (!ended.signal.aborted) {
    for (const port of portsUnderHosts(data)) hostedPorts.add(port);
    await sleep(systemClock, 40, ended.signal);
  }
  cancelLimit();
  return { code: child.exitCode, text, hostedPorts };
}

export function resultIn(jsonFile: string): HeadlessResult {
  return JSON.parse(readFileSync(jsonFile, 'utf8')) as HeadlessResult;
}

/** Which of the units' pseudo-terminals a port host has open now, as /proc tells it (proc(5), `fd` and `cmdline`). */
function portsUnderHosts(data: string): readonly string[] {
  const units = listed(join(data, 'virtual-bench')).flatMap((unit) => {
    const link = join(data, 'virtual-bench', unit, 'tty');
    const slave = attempt(() => realpathSync(link));
    return slave === undefined ? [] : [{ link, slave }];
  });
  if (units.length === 0) return [];
  const open = new Set(portHostIds(data).flatMap(openFiles));
  return units.flatMap(({ link, slave }) => (open.has(slave) ? [link] : []));
}

/** Children of the station of this data folder that run the port host's program. */
function portHostIds(data: string): readonly string[] {
  return listed('/proc').filter((id) => {
    if (!/^\d+$/.test(id) || !commandLine(id).includes('port-host-main')) return false;
    const [, parent = ''] =
      /^PPid:\s+(\d+)$/m.exec(attempt(() => readFileSync(`/proc/${id}/status`, 'utf8')) ?? '') ?? [];
    return commandLine(parent).includes(data);
  });
}

function commandLine(id: string): string {
  return attempt(() => readFileSync(`/proc/${id}/cmdline`, 'utf8')) ?? '';
}

function openFiles(id: string): readonly string[] {
  return listed(`/proc/${id}/fd`).flatMap((fd) => attempt(() => readlinkSync(`/proc/${id}/fd/${fd}`)) ?? []);
}

function listed(folder: string): readonly string[] {
  return attempt(() => readdirSync(folder)) ?? [];
}

/** Processes and files come and go while they are looked at. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** A PATH with everything that is on ours, but not this program. */
export function pathWithout(program: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const place of (process.env['PATH'] ?? '').split(delimiter).reverse()) {
    for (const name of listed(place)) {
      if (name === program) continue;
      attempt(() => {
        symlinkSync(join(place, name), join(folder, name));
      });
    }
  }
  return folder;
}
