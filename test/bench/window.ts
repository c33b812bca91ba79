/** The window as a user gets it, and an empty one to compare it with, on a display of their own. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { type AppOptions, openApp } from '../e2e/harness/app.ts';
import { openDisplay } from '../e2e/harness/display.ts';
import { ground } from '../e2e/harness/ground.ts';
import { nowMs } from './runner.ts';

export interface OpenWindow {
  readonly pid: number;
  readonly page: Page;
  /** From the start of Electron to the first control that takes input. */
  readonly openMs: number;
  close(): Promise<void>;
}

// A first start makes keys and certificates, and 4 virtual units.
const controlLimitMs = 90_000;

/** What the window's data folder holds stays from one `open` to the next. A text says why there is no window. */
export async function withWindow<T>(
  listen: string,
  work: (open: () => Promise<OpenWindow>, openEmpty: () => Promise<OpenWindow>) => Promise<T>,
): Promise<T | string> {
  let display: Awaited<ReturnType<typeof openDisplay>>;
  try {
    ground();
    display = await openDisplay();
  } catch (error) {
    return `no window here: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
  // Each start of the harness leaves a listener for our exit: 12 starts are no leak.
  process.setMaxListeners(40);
  const data = plainFolder();
  const empty = emptyApp();
  const base = { display: display.name, data };
  try {
    return await work(
      () => opened({ ...base, args: ['--listen', listen, '--retry-after', '1'] }, 'main :is(input, button):enabled'),
      () => opened({ ...base, home: empty }, 'input:enabled'),
    );
  } finally {
    await display.close();
    for (const folder of [data, empty]) rmSync(folder, { recursive: true, force: true });
  }
}

async function opened(options: AppOptions, control: string): Promise<OpenWindow> {
  const startMs = nowMs();
  const app = await openApp(options);
  try {
    await app.page.locator(control).first().waitFor({ state: 'visible', timeout: controlLimitMs });
  } catch (error) {
    await app.close();
    throw error;
  }
  const openMs = nowMs() - startMs;
  return { pid: app.electron.process().pid ?? 0, page: app.page, openMs, close: () => app.close() };
}

/** A folder that the user of the window owns. */
function plainFolder(): string {
  const { asPlainUser } = ground();
  const make = ['-d', join(tmpdir(), 'benchline-XXXXXX')];
  const [command = 'mktemp', ...words] =
    asPlainUser.length === 0 ? ['mktemp', ...make] : [...asPlainUser, 'mktemp', ...make];
  return execFileSync(command, words, { encoding: 'utf8' }).trim();
}

/** The least that Electron can show: one sandboxed window with one field. */
function emptyApp(): string {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-empty-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'empty', version: '1.0.0', main: 'main.cjs' }));
  writeFileSync(
    join(folder, 'main.cjs'),
    `const { app, BrowserWindow } = require('electron');
app.enableSandbox();
app.whenReady().then(() => new BrowserWindow({ width: 1280, height: 800 }).loadFile('index.html'));
app.on('window-all-closed', () => app.quit());
`,
  );
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Empty</title><input>');
  chmodSync(folder, 0o755);
  return folder;
}
