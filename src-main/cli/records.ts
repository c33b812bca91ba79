/** Starts a small program of the station; it prints for people, or one JSON value. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { exitCodes } from './verb.ts';

export function runRecords(
  args: readonly string[],
  name: 'report-main' | 'slots-main' | 'profile-main' = 'report-main',
): Promise<number> {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`../station/${name}.${ending}`, import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' });
  return new Promise((resolve) => {
    child.once('error', () => {
      resolve(exitCodes.failed);
    });
    child.once('exit', (code) => {
      resolve(code ?? exitCodes.failed);
    });
  });
}
