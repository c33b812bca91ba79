/** A supervisor's batch and what the bench refuses: a second scan during a run, and a unit of another batch. */
import { expect, test } from '@playwright/test';
import { openDisplay, type Display } from './harness/display.ts';
import { hold } from './harness/run-processes.ts';
import {
  expectReady,
  expectSeen,
  keptData,
  labelOf,
  openStation,
  picture,
  scan,
  take,
  type KeptData,
  type StationWindow,
} from './harness/station-window.ts';

let kept: KeptData;
let display: Display;
let station: StationWindow;
let first: string;
let second: string;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  kept = keptData('supervisor');
  display = await openDisplay();
  const args = ['--virtual-units', '2', '--attestation', 'x509'];
  station = await openStation({ display: display.name, data: kept.data, args });
});

test.afterAll(async () => {
  await station.app.close();
  await display.close();
  kept.remove();
});

test('a supervisor opens a batch of X.509 units, each enrolled alone', async () => {
  const { page } = station;
  await expectReady(station, 2);
  first = await labelOf(station, 1);
  second = await labelOf(station, 2);
  await station.goTo('Batches');
  await page.getByRole('button', { name: 'Open batch' }).click();
  const form = page.getByRole('form', { name: 'Open a batch' });
  await form.getByRole('button', { name: 'Open batch' }).click();
  await expect(form.getByRole('status')).toHaveText('One entry needs a correction.');
  await form.getByRole('textbox', { name: 'Name', exact: true }).fill('Order 2026-114');
  await form.getByRole('textbox', { name: 'Quantity' }).fill('12');
  await form.getByRole('radio', { name: 'X.509 certificate' }).check({ force: true });
  await form.getByRole('radio', { name: 'Each unit alone' }).check({ force: true });
  await form.getByRole('textbox', { name: 'Device ID in the hub' }).fill('pump-{serialNumber}');
  await form.getByRole('button', { name: 'Open batch' }).click();
  await expect(page.getByRole('article', { name: 'Batch Order 2026-114' })).toContainText('No units yet.');
  await expect(page.getByRole('banner', { name: 'Station' })).toContainText('Order 2026-114');
});

test('a second scan during a run is refused, and the run goes on to PASS', async () => {
  const { page } = station;
  await station.goTo('Bench');
  const unit = hold(station.processes(first).filter(({ command }) => command.includes('agent')));
  try {
    // The focus is on the rail: a scanner does not look where it is.
    await scan(page, first);
    await expect(station.face(1)).toHaveText('WORKING');
    // Read twice in a row the label would be one read.
    await scan(page, 'not-a-serial');
    await expect(page.getByRole('alert').first()).toContainText('is not a serial number of batch');
    await scan(page, first);
    await expect(page.getByRole('alert')).toContainText(`Unit ${first} is already in work in slot 1.`);
    await take(station, 1);
    await scan(page, second);
    await expect(page.getByRole('alert')).toContainText(`Slot 1 is still working on ${first}.`);
    await picture(page, 'bench-refused');
  } finally {
    unit.release();
  }
  await expect(station.face(1)).toHaveText('PASS', { timeout: 60_000 });
  await expectSeen(station, 1);
  await station.goTo('Service');
  await expect(page.getByRole('article', { name: /^Hub / }).getByText(`pump-${first}`, { exact: true })).toBeVisible();
  const enrollments = page.getByRole('table', { name: 'Enrollments' });
  await expect(enrollments.getByRole('row').filter({ hasText: 'Individual' })).toHaveCount(1);
});

test('a unit that passed in another batch is refused with its history', async () => {
  const { page } = station;
  await station.goTo('Batches');
  await page
    .getByRole('navigation', { name: 'Batches' })
    .getByRole('button', { name: /Demonstration batch/ })
    .click();
  await page.getByRole('button', { name: 'Work on this batch' }).click();
  await expect(page.getByRole('banner', { name: 'Station' })).toContainText('Demonstration batch');
  await station.goTo('Bench');
  await scan(page, first);
  const alert = page.getByRole('alert').first();
  await expect(alert).toContainText(`Unit ${first} belongs to batch Order 2026-114`);
  await expect(alert).toContainText('state seen');
  await picture(page, 'bench-other-batch');
  // The verdict of the batch it belongs to stands.
  await station.goTo('Batches');
  await expect(page.getByRole('article', { name: 'Batch Demonstration batch' })).toContainText('No units yet.');
});

test('what is not a serial number of the batch is refused and nothing is begun', async () => {
  const { page } = station;
  await station.goTo('Bench');
  await scan(page, 'not-a-serial');
  await expect(page.getByRole('alert').first()).toContainText('is not a serial number of batch');
  await expect(station.face(2)).toHaveText('READY');
});
