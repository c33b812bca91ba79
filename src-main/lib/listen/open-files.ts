/** How many connections this process may hold, and one listener of it: each is an open file, and the files are bounded. */
import { readFileSync } from 'node:fs';

// Databases, logs, listeners and pipes of a program: below a hundred, with room.
const otherFiles = 256;
// A flood at one listener leaves the others of its program room, and its calls to hubs.
const share = 0.6;
// What one process can serve: about 90 kB of memory each, and the benchmark's 10,000 with room.
const mostConnections = 20_000;
const fewestConnections = 100;
// POSIX's usual limit, where the system does not tell its own.
const usualOpenFiles = 1_024;

/** Node raises its soft limit to the hard one at its start, so this is all that the process can have. */
export function openFileLimit(limitsFile = '/proc/self/limits'): number {
  try {
    const found = /^Max open files\s+(\d+|unlimited)\s/m.exec(readFileSync(limitsFile, 'utf8'))?.[1];
    if (found === 'unlimited') return Number.MAX_SAFE_INTEGER;
    return found === undefined ? usualOpenFiles : Number(found);
  } catch {
    return usualOpenFiles;
  }
}

export function connectionsWithin(openFiles: number): number {
  const wanted = Math.floor((openFiles - otherFiles) * share);
  return Math.min(Math.max(wanted, fewestConnections), mostConnections);
}

/** What all listeners of a process hold together: floods at two of them leave its databases and its calls to hubs room. */
export function connectionsOfProcess(openFiles: number): number {
  return Math.max(openFiles - otherFiles, fewestConnections);
}
