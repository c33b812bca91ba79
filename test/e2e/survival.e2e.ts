/** What ends while a technician works: the service, the station, the window. The work goes on and nothing is lost. */
import { expect, test } from '@playwright/test';
import { openDisplay, type Display } from './harness/display.ts';
import { kill } from './harness/run-processes.ts';
import {
  expectReady,
  expectSeen,
  keptData,
  labelOf,
  openStation,
  picture,
  scan,
  startMs,
  type KeptData,
  type StationWindow,
} from './harness/station-window.ts';

const service = 'out/main/service/main.js';
const stationProcess = 'node.mojom.NodeService';
const args = ['--virtual-units', '2'];

let kept: KeptData;
let display: Display;
let station: StationWindow;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  kept = keptData('survival');
  display = await openDisplay();
  station = await openStation({ display: display.name, data: kept.data, args });
});

test.afterAll(async () => {
  await station.app.close();
  await display.close();
  kept.remove();
});

test('with its service killed the bench goes on to PASS, and what waits is sent when the service is back', async () => {
  const { page } = station;
  await expectReady(station, 2);
  const label = await labelOf(station, 1);
  // It is started again by itself: here it is ended each time it comes, until the window has shown what it is to show.
  const ending = setInterval(() => {
    const found = station.processes(service);
    if (found.length > 0) kill(found);
  }, 100);
  try {
    await expect.poll(() => station.processes(service).length).toBe(0);
    await scan(page, label);
    await expect(station.face(1)).toHaveText('PASS', { timeout: 60_000 });
    await expect(station.target).toContainText('offline, 1 waiting');
    await picture(page, 'bench-offline');
    await station.goTo('Outbox');
    const rows = page.getByRole('table', { name: 'Outbox entries' }).getByRole('row');
    await expect(rows.filter({ hasText: label })).toContainText('goes out when the service answers');
    await picture(page, 'outbox-offline');
    await station.goTo('Bench');
  } finally {
    clearInterval(ending);
  }
  await expect(station.target).toContainText('online', { timeout: startMs });
  await expectSeen(station, 1);
});

test('a killed station is told, started again, and goes on with its slots and verdicts', async () => {
  const { page } = station;
  const label = await labelOf(station, 2);
  kill(station.processes(stationProcess));
  await expect(page.getByRole('status').filter({ hasText: 'The station does not answer.' })).toBeVisible();
  await picture(page, 'bench-lost');
  await expect(page.getByText('The station does not answer.')).toHaveCount(0, { timeout: startMs });
  await expect(station.face(1)).toHaveText('PASS', { timeout: startMs });
  await expect(station.face(2)).toHaveText('READY', { timeout: startMs });
  await expect(station.target).toContainText('online', { timeout: startMs });
  await scan(page, label);
  await expect(station.face(2)).toHaveText('PASS', { timeout: 60_000 });
  await expectSeen(station, 2);
  await expectSeen(station, 1);
});

test('a closed window leaves nothing running', async () => {
  expect(station.processes('agent').length).toBeGreaterThan(0);
  await station.close();
  await expect.poll(() => station.processes().map(({ command }) => command)).toEqual([]);
});

test('the same data folder opens with the same units', async () => {
  station = await openStation({ display: display.name, data: kept.data, args });
  const { page } = station;
  await expect(station.target).toContainText('online', { timeout: startMs });
  await expect(station.face(1)).toHaveText('PASS', { timeout: startMs });
  await expect(station.face(2)).toHaveText('PASS', { timeout: startMs });
  const labels = [await labelOf(station, 1), await labelOf(station, 2)];
  await station.goTo('Batches');
  const units = page.getByRole('table', { name: 'Units of the batch' }).getByRole('row');
  await expect(units).toHaveCount(1 + 2);
  for (const label of labels) await expect(units.filter({ hasText: label })).toContainText('Seen');
  await picture(page, 'batches-second-start');
});
