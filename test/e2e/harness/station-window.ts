/** The station's window as a person finds it: by role and name. What it cannot say by itself, the process list says. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Locator, type Page } from '@playwright/test';
import { openApp, plainFolder, type App } from './app.ts';
import { processesOf, type RunProcess } from './run-processes.ts';

export type Screen = 'Bench' | 'Batches' | 'Outbox' | 'Service' | 'Settings';

export interface StationWindow {
  readonly app: App;
  readonly page: Page;
  readonly data: string;
  readonly target: Locator;
  slot(number: number): Locator;
  /** The word that is the state of a slot. */
  face(number: number): Locator;
  goTo(screen: Screen): Promise<void>;
  /** Processes of this run whose command line holds `words`. */
  processes(words?: string): readonly RunProcess[];
  /** Closes the window as a person does and waits until the app has ended. */
  close(): Promise<void>;
}

// Service, hubs and units start as a dozen processes on two loaded cores.
export const startMs = 60_000;
// Boot, registration with its polls, and the connection to the hub.
export const lifeMs = 60_000;

export interface KeptData {
  readonly data: string;
  remove(): void;
}

/** A data folder that outlives its windows; its log is kept as an artefact under `name`. */
export function keptData(name: string): KeptData {
  const folder = plainFolder();
  const data = join(folder, 'data');
  return {
    data,
    remove: () => {
      cpSync(join(data, 'logs'), join('test-results', 'logs', name), { recursive: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function openStation(options: {
  readonly display: string;
  readonly data: string;
  readonly args?: readonly string[];
}): Promise<StationWindow> {
  const { display, data } = options;
  const app = await openApp({ display, data, args: ['--retry-after', '1', ...(options.args ?? [])] });
  const { page } = app;
  const slot = (number: number): Locator => page.getByRole('article', { name: `Slot ${String(number)}`, exact: true });
  return {
    app,
    page,
    data,
    target: page.getByRole('status', { name: 'Target' }),
    slot,
    face: (number) => slot(number).getByRole('status'),
    goTo: async (screen) => {
      const rail = page.getByRole('navigation', { name: 'Screens' });
      await rail.getByRole('button', { name: screen, exact: true }).click();
    },
    processes: (words = '') => processesOf(app).filter(({ command }) => command.includes(words)),
    close: async () => {
      const ended = app.electron.waitForEvent('close');
      await page.close();
      await ended;
      rmSync(app.home, { recursive: true, force: true });
    },
  };
}

/** Target online, and a unit in each of the first `slots` slots. */
export async function expectReady(station: StationWindow, slots: number): Promise<void> {
  await expect(station.target).toContainText('online', { timeout: startMs });
  for (let slot = 1; slot <= slots; slot += 1) {
    await expect(station.face(slot)).toHaveText('READY', { timeout: startMs });
  }
}

/** All four states of a unit's later life have been reached. */
export async function expectSeen(station: StationWindow, slot: number): Promise<void> {
  await expect(station.slot(slot).getByRole('listitem').filter({ hasText: 'Seen, done' })).toBeVisible({
    timeout: lifeMs,
  });
}

/** Takes a slot in hand by its digit; until that is told, the digit might begin a serial number. */
export async function take(station: StationWindow, slot: number): Promise<void> {
  await station.page.keyboard.type(String(slot));
  await expect(station.page.getByText(`goes to slot ${String(slot)}`)).toBeVisible();
}

interface StationPort {
  call(name: string, payload: unknown): Promise<{ ok: boolean; value?: unknown; fault?: { code: string } }>;
}

/** What the station itself says, past the screen: the trainer's faults and what stands in the store. */
export async function ask<T>({ page }: StationWindow, name: string, payload: unknown): Promise<T> {
  const answer = await page.evaluate(
    ([call, input]) => (window as unknown as { station: StationPort }).station.call(call, input),
    [name, payload] as const,
  );
  expect(answer, name).toMatchObject({ ok: true });
  return answer.value as T;
}

/** Types as a scanner does, wherever the focus is: the text, then Enter. */
export async function scan(page: Page, text: string): Promise<void> {
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

/** As fast as a scanner types, which the driver of a browser on a busy machine does not; to whatever has the focus. */
export async function burst(page: Page, text: string): Promise<void> {
  await page.evaluate((typed) => {
    for (const character of typed) {
      const field = document.activeElement ?? document.body;
      const key = character === '\n' ? 'Enter' : character;
      const isLeft = field.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      if (isLeft && field instanceof HTMLInputElement && key !== 'Enter') field.value += key;
    }
  }, text);
}

/** The serial number on the label of the virtual unit in a slot. */
export async function labelOf(station: StationWindow, slot: number): Promise<string> {
  const text = await station
    .slot(slot)
    .getByText(/^VB[0-9A-Z]{6}-[0-9]{4}$/)
    .textContent();
  if (text === null) throw new Error(`slot ${String(slot)} shows no serial number`);
  return text;
}

/** A picture of the window as it is; nothing may stand out of it. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join('test-results', 'screens', `${name}.png`), animations: 'disabled' });
  const over = await page.evaluate(() => {
    const { scrollWidth, scrollHeight, clientWidth, clientHeight } = document.documentElement;
    return { x: scrollWidth - clientWidth, y: scrollHeight - clientHeight };
  });
  expect(over, `${name} stays inside its window`).toEqual({ x: 0, y: 0 });
  test.info().annotations.push({ type: 'screenshot', description: name });
}

export async function resize(station: StationWindow, width: number, height: number): Promise<void> {
  await station.app.electron.evaluate(
    ({ BrowserWindow }, size) => {
      const [window] = BrowserWindow.getAllWindows();
      window?.setMinimumSize(1, 1);
      window?.setContentSize(size.width, size.height);
    },
    { width, height },
  );
  await expect
    .poll(() => station.page.evaluate(() => `${String(window.innerWidth)}x${String(window.innerHeight)}`))
    .toBe(`${String(width)}x${String(height)}`);
}
