/** The main job in the real window: from a fresh data folder to four devices seen in their hubs. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { openDisplay, type Display } from './harness/display.ts';
import {
  expectReady,
  expectSeen,
  keptData,
  lifeMs,
  openStation,
  picture,
  resize,
  type Screen,
  type KeptData,
  type StationWindow,
} from './harness/station-window.ts';

const slots = [1, 2, 3, 4];
const screens: readonly Screen[] = ['Bench', 'Batches', 'Outbox', 'Service', 'Settings'];
const sizes = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

let kept: KeptData;
let display: Display;
let station: StationWindow;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  kept = keptData('journey');
  // Larger than the largest window, which a screen of its own size would trim.
  display = await openDisplay('2048x1152');
  station = await openStation({ display: display.name, data: kept.data });
});

test.afterAll(async () => {
  await station.app.close();
  await display.close();
  kept.remove();
});

test('a fresh data folder opens a window that soon has its service and four units', async () => {
  await expectReady(station, 4);
  await picture(station.page, 'bench-ready');
});

test('the prepared batch stands ready on the Batches screen', async () => {
  const { page } = station;
  await station.goTo('Batches');
  const batch = page.getByRole('article', { name: 'Batch Demonstration batch' });
  await expect(batch).toBeVisible();
  const work = batch.getByRole('button', { name: 'Work on this batch' });
  if (await work.isVisible()) await work.click();
  await batch.getByRole('button', { name: 'Go to the bench' }).first().click();
  await expect(page.getByRole('region', { name: 'Slots' })).toBeVisible();
});

test('four virtual units go through their phases to PASS, and each is seen in its hub', async () => {
  const { page } = station;
  await page.getByRole('button', { name: 'Scan the virtual units' }).click();
  await expect(station.face(1)).toHaveText('WORKING');
  await picture(page, 'bench-working');
  for (const slot of slots) {
    await expect(station.face(slot)).toHaveText('PASS', { timeout: 60_000 });
    await expect(station.slot(slot).getByRole('list', { name: 'Phases' }).getByRole('listitem')).toHaveText([
      'Connect, done',
      'Identify, done',
      'Prove, done',
      'Write, done',
      'Verify, done',
      'Commit, done',
    ]);
  }
  for (const slot of slots) await expectSeen(station, slot);
});

test('the outbox has sent everything', async () => {
  const { page } = station;
  await station.goTo('Outbox');
  // Two TPM units alone, and the group that both X.509 units belong to.
  const rows = page.getByRole('table', { name: 'Outbox entries' }).getByRole('row');
  await expect(rows).toHaveCount(1 + 3);
  await expect(rows.getByText('Sent', { exact: true })).toHaveCount(3);
  await expect(station.target).toContainText('online');
});

test('the service lists four registrations and shows each device under its hub', async () => {
  const { page } = station;
  await station.goTo('Service');
  const rows = page.getByRole('table', { name: 'Registrations' }).getByRole('row');
  await expect(rows).toHaveCount(1 + 4);
  await expect(rows.getByText('Assigned', { exact: true })).toHaveCount(4);
  const devices = page.getByRole('article', { name: /^Hub / }).getByRole('listitem');
  await expect(devices).toHaveCount(4, { timeout: lifeMs });
  await expect(devices.getByText('Connected', { exact: true })).toHaveCount(4, { timeout: lifeMs });
});

test('the report is a file with four units and their hubs', async () => {
  const { page } = station;
  await station.goTo('Batches');
  const batch = page.getByRole('article', { name: 'Batch Demonstration batch' });
  await batch.getByRole('button', { name: 'Save as CSV' }).click();
  const said = batch.getByRole('status').filter({ hasText: 'Report of 4 units saved:' });
  await expect(said).toBeVisible();
  const path = await said.getByRole('code').textContent();
  const [head = '', ...units] = readFileSync(path ?? '', 'utf8')
    .trim()
    .split('\r\n');
  const columns = head.split(',');
  // No cell of this report holds a comma: names and ids of the demonstration have none.
  const cells = units.map((unit) => new Map(unit.split(',').map((cell, at) => [columns[at], cell])));
  expect(cells.map((unit) => `${unit.get('state') ?? ''} ${unit.get('verdict') ?? ''}`)).toEqual(
    Array.from({ length: 4 }, () => 'seen pass'),
  );
  for (const unit of cells) expect(unit.get('hub')).toMatch(/^127\.\d+\.\d+\.\d+$/);
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const { width, height } of sizes) {
    test(`every screen keeps inside its window, ${colorScheme}, ${String(width)} x ${String(height)}`, async () => {
      const { page } = station;
      await page.emulateMedia({ colorScheme });
      await resize(station, width, height);
      for (const screen of screens) {
        await station.goTo(screen);
        await expect(page.getByText('Loading', { exact: true })).toHaveCount(0);
        await picture(page, `${screen.toLowerCase()}-${String(width)}-${colorScheme}`);
      }
      await station.goTo('Bench');
      await page.getByRole('button', { name: 'Show slot 1 in detail' }).click();
      await picture(page, `slot-detail-${String(width)}-${colorScheme}`);
      await page.getByRole('button', { name: 'Close detail' }).click();
      await station.goTo('Batches');
      await page.getByRole('button', { name: 'Open batch' }).first().click();
      await picture(page, `open-form-${String(width)}-${colorScheme}`);
      await page.getByRole('form', { name: 'Open a batch' }).getByRole('button', { name: 'Cancel' }).click();
    });
  }
}
