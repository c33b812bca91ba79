/** Which processes run below one, what they are called, and what memory is theirs: proc(5). */
import { readFileSync, readdirSync } from 'node:fs';

export interface ProcessMemory {
  readonly name: string;
  readonly pid: number;
  /** Proportional set size: shared pages are counted in parts, so that the sum over all processes is right. */
  readonly pssMb: number;
}

/** The process itself and all below it. */
export function memoryOfTree(pid: number): readonly ProcessMemory[] {
  return [pid, ...descendants(pid)].flatMap((child) => {
    const pss = attempt(() => readFileSync(`/proc/${child}/smaps_rollup`, 'utf8'));
    const [, kilobytes] = /^Pss:\s+(\d+) kB/m.exec(pss ?? '') ?? [];
    return kilobytes === undefined ? [] : [{ name: nameOf(child), pid: child, pssMb: Number(kilobytes) / 1_024 }];
  });
}

function descendants(pid: number): readonly number[] {
  const children = childrenOf(pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function childrenOf(pid: number): readonly number[] {
  const tasks = attempt(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  return tasks.flatMap((task) => {
    const text = attempt(() => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')) ?? '';
    return text.split(' ').filter(Boolean).map(Number);
  });
}

const programs: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/--type=renderer/, 'window (renderer)'],
  [/--type=gpu-process/, 'graphics (Chromium)'],
  [/--type=utility.*NodeService/, 'station with its store worker'],
  [/--type=utility/, 'utility (Chromium)'],
  [/--type=zygote/, 'zygote (Chromium)'],
  [/port-host-main/, 'port host'],
  [/station\/main/, 'station with its store worker'],
  [/agent\/main/, 'agent'],
  [/hub\/main/, 'hubs'],
  [/service\/main/, 'service'],
  [/cli\.(ts|js) service/, 'service starter'],
  [/swtpm/, 'swtpm'],
  [/^(\S*\/)?(socat|perl)/, 'pseudo-terminal'],
  [/electron/, 'shell (Electron)'],
];

function nameOf(pid: number): string {
  const command = (attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').replaceAll('\0', ' ').trim();
  return programs.find(([pattern]) => pattern.test(command))?.[1] ?? command.slice(0, 40);
}

/** Processes come and go while they are looked at. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
