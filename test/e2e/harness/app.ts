/** Starts the app as a user would, with a home and a data folder that belong to the test. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from '@playwright/test';
import { ground } from './ground.ts';

export interface AppOptions {
  readonly display: string;
  /** The folder to start; default: the app as it was built. */
  readonly home?: string;
  /** For Chromium. */
  readonly switches?: readonly string[];
  /** For the station: what follows the double dash. */
  readonly args?: readonly string[];
  /** Default: a fresh one, removed at the end. */
  readonly data?: string;
}

export interface App {
  readonly electron: ElectronApplication;
  readonly page: Page;
  readonly data: string;
  /** The HOME of all its processes. */
  readonly home: string;
  close(): Promise<void>;
}

/** A folder that the user of the window owns. */
export function plainFolder(): string {
  const { asPlainUser } = ground();
  if (asPlainUser.length === 0) return mkdtempSync(join(tmpdir(), 'benchline-'));
  const [command = '', ...words] = asPlainUser;
  const made = execFileSync(command, [...words, 'mktemp', '-d', join(tmpdir(), 'benchline-XXXXXX')], {
    encoding: 'utf8',
  });
  return made.trim();
}

export async function openApp(options: AppOptions): Promise<App> {
  const { electron: runtime, home, asPlainUser } = ground();
  const own = plainFolder();
  const data = options.data ?? join(own, 'data');
  const electron = await _electron.launch({
    executablePath: launcher(runtime.binary, asPlainUser),
    args: [
      options.home ?? home,
      '--disable-gpu',
      ...(options.switches ?? []),
      '--',
      '--data',
      data,
      ...(options.args ?? []),
    ],
    // Without this Playwright adds --no-sandbox by itself, and the isolation test fails as it should.
    chromiumSandbox: true,
    cwd: own,
    env: environment(own, options.display),
    timeout: 60_000,
  });
  try {
    const page = await electron.firstWindow();
    return {
      electron,
      page,
      data,
      home: own,
      async close() {
        await electron.close();
        rmSync(own, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await electron.close();
    throw error;
  }
}

function environment(own: string, display: string): Record<string, string> {
  const { electron } = ground();
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    DISPLAY: display,
    HOME: own,
    XDG_CONFIG_HOME: join(own, '.config'),
    XDG_DATA_HOME: join(own, '.local/share'),
    XDG_CACHE_HOME: join(own, '.cache'),
    ...(electron.sqliteBinding === undefined ? {} : { BENCHLINE_SQLITE_BINDING: electron.sqliteBinding }),
  };
}

let script: string | undefined;

/** Playwright starts one executable: a script that becomes the other user and then Electron, in the same process. */
function launcher(binary: string, asPlainUser: readonly string[]): string {
  if (asPlainUser.length === 0) return binary;
  script ??= launchScript(binary, asPlainUser);
  return script;
}

/** One for all windows of this process; it is removed with it. */
function launchScript(binary: string, asPlainUser: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-launch-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  const file = join(folder, 'electron');
  const quoted = [...asPlainUser, binary].map((word) => `'${word}'`).join(' ');
  writeFileSync(file, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
  return file;
}
