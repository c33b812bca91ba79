/** What the kernel says of a process: it cannot be talked into it. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export interface KernelView {
  readonly pid: number;
  readonly command: readonly string[];
  readonly uid: number;
  /** 0: none, 1: strict, 2: a filter. */
  readonly seccomp: number;
  readonly noNewPrivileges: number;
  /** The user namespace, as the kernel names it. */
  readonly userNamespace: string;
}

function kernelView(pid: number): KernelView {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN);
  return {
    pid,
    command: readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .split('\0')
      .flatMap((word) => word.split(' ')),
    uid: field('Uid'),
    seccomp: field('Seccomp'),
    noNewPrivileges: field('NoNewPrivs'),
    userNamespace: namespaceOf(pid),
  };
}

function namespaceOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`);
  } catch {
    return 'closed';
  }
}

/** Every process below `pid`. */
function descendants(pid: number): readonly number[] {
  const children = (parent: number): number[] =>
    readdirSync(`/proc/${parent}/task`).flatMap((task) =>
      readFileSync(`/proc/${parent}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  const all: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    let found: number[];
    try {
      found = children(next);
    } catch {
      continue; // ended while we looked
    }
    all.push(...found);
    open.push(...found);
  }
  return all;
}

export function rendererOf(pid: number): KernelView {
  const renderer = descendants(pid)
    .map(kernelView)
    .find((view) => view.command.includes('--type=renderer'));
  if (renderer === undefined) throw new Error(`no renderer below process ${pid}`);
  return renderer;
}
