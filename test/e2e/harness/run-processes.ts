/** The processes of one run of the app: nobody else's are found, so nobody else's are touched. */
import { readFileSync, readdirSync } from 'node:fs';

export interface RunProcess {
  readonly pid: number;
  readonly command: string;
}

// Each run of the app has a home of its own, which all that it starts inherits.
function isOfRun(pid: number, home: string): boolean {
  try {
    return readFileSync(`/proc/${String(pid)}/environ`, 'utf8')
      .split('\0')
      .includes(`HOME=${home}`);
  } catch {
    return false; // ended while we looked, or somebody else's
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
      .replaceAll('\0', ' ')
      .trim();
  } catch {
    return '';
  }
}

/** Electron and its helpers, station, service, hubs, units and their TPMs. */
export function processesOf(run: { readonly home: string; readonly data: string }): readonly RunProcess[] {
  return (
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ pid: Number(name), command: commandOf(Number(name)) }))
      // A zombie has no command. Chromium writes its helpers' titles over their environment; they name the data folder.
      .filter(({ pid, command }) => command !== '' && (command.includes(run.data) || isOfRun(pid, run.home)))
  );
}

/** Stops processes where they stand, until they are released. */
export function hold(held: readonly RunProcess[]): { release(): void } {
  if (held.length === 0) throw new Error('there is no such process to hold');
  for (const { pid } of held) process.kill(pid, 'SIGSTOP');
  return {
    release: () => {
      for (const { pid } of held) process.kill(pid, 'SIGCONT');
    },
  };
}

export function kill(victims: readonly RunProcess[]): void {
  if (victims.length === 0) throw new Error('there is no such process to kill');
  for (const { pid } of victims) process.kill(pid, 'SIGKILL');
}
