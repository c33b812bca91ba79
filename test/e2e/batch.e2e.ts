/** The main job as a shift does it: a batch is opened, units are scanned into it, and the next start finds it again. */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import { openApp, plainFolder, type App } from './harness/app.ts';
import { openDisplay, type Display } from './harness/display.ts';
import { rendererOf } from './harness/process.ts';

// Four agents and a service start on a machine of two cores; nothing waits this long unless it is busy otherwise.
const startMs = 90_000;
const doneMs = 90_000;

const card = (page: Page, slot: number) => page.getByRole('article', { name: `Slot ${slot}`, exact: true });
const state = (page: Page, slot: number) => card(page, slot).getByRole('status');
const go = (page: Page, screen: string) =>
  page.getByRole('navigation', { name: 'Screens' }).getByRole('button', { name: screen }).click();

async function keepPicture(page: Page, name: string): Promise<void> {
  await test.info().attach(name, { body: await page.screenshot(), contentType: 'image/png' });
}

test.describe.serial('a shift', () => {
  let display: Display;
  let data: string;
  let app: App;
  let page: Page;

  test.beforeAll(async () => {
    test.setTimeout(startMs + 60_000);
    display = await openDisplay();
    data = join(plainFolder(), 'data');
    app = await openApp({ display: display.name, data });
    page = app.page;
    for (const slot of [1, 2, 3, 4]) await expect(state(page, slot)).toHaveText('READY', { timeout: startMs });
  });

  test.afterAll(async () => {
    await app.close();
    await display.close();
    rmSync(dirname(data), { recursive: true, force: true });
  });

  test('works in a sealed window', () => {
    expect(rendererOf(app.electron.process().pid ?? 0).seccomp).toBe(2);
  });

  test('begins with a batch that the supervisor opens', async () => {
    await go(page, 'Batches');
    await page.getByRole('button', { name: 'Open batch' }).click();
    const form = page.getByRole('form', { name: 'Open a batch' });
    await form.getByLabel('Name').fill('Night shift');
    await form.getByLabel('Product').fill('Gateway 4');
    await form.getByLabel('Quantity').fill('4');
    await keepPicture(page, 'open-batch');
    await form.getByRole('button', { name: 'Open batch' }).click();
    await expect(page.getByRole('article', { name: 'Batch Night shift' })).toBeVisible();
    await expect(page.getByRole('banner')).toContainText('0 of 4');
  });

  test('starts the run of one unit by its serial number and Enter', async () => {
    await go(page, 'Bench');
    const serial = (await card(page, 2).getByRole('code').first().textContent()) ?? '';
    await page.getByRole('textbox', { name: 'Scan or type a serial number' }).fill(serial);
    await page.keyboard.press('Enter');
    await expect(state(page, 2)).toHaveText('PASS', { timeout: doneMs });
    await expect(state(page, 1)).toHaveText('READY');
    await keepPicture(page, 'first-pass');
  });

  test('sees every unit of its batch pass, enroll, register and arrive in a hub', async () => {
    await page.getByRole('button', { name: 'Scan the virtual units' }).click();
    for (const slot of [1, 2, 3, 4]) await expect(state(page, slot)).toHaveText('PASS', { timeout: doneMs });
    await expect(page.getByRole('banner')).toContainText('4 of 4');
    await go(page, 'Batches');
    const batch = page.getByRole('article', { name: 'Batch Night shift' });
    for (const term of ['Passed', 'Enrolled', 'Registered', 'Seen']) {
      const count = batch.locator('dt', { hasText: new RegExp(`^${term}$`) }).locator('+ dd');
      await expect(count).toHaveText('4', { timeout: doneMs });
    }
    await keepPicture(page, 'all-seen');
  });

  test('is found again by the next start', async () => {
    await app.close();
    app = await openApp({ display: display.name, data });
    page = app.page;
    await expect(page.getByRole('textbox', { name: 'Scan or type a serial number' })).toBeVisible();
    await expect(page.getByRole('banner')).toContainText('Night shift', { timeout: startMs });
    await expect(page.getByRole('banner')).toContainText('4 of 4');
    await keepPicture(page, 'second-start');
  });
});
