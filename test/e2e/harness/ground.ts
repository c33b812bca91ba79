/** What set-up found: the Electron runtime, the folder the app is started on, and as whom. */
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';

export interface Ground {
  readonly electron: {
    readonly kind: string;
    readonly version: string;
    readonly folder: string;
    readonly binary: string;
    readonly sqliteBinding?: string;
  };
  /** Where `package.json` and `out` lie so that the user of the window can read them. */
  readonly home: string;
  /** The words before a command that make it run unprivileged; empty where we are unprivileged ourselves. */
  readonly asPlainUser: readonly string[];
}

export const checkout = resolve(import.meta.dirname, '../../..');

let found: Ground | undefined;

/** Where no Electron can be had this throws with the reason: these tests are never skipped in silence. */
export function ground(): Ground {
  found ??= JSON.parse(
    execFileSync(process.execPath, [join(checkout, 'scripts/setup.mjs'), '--json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  ) as Ground;
  return found;
}
