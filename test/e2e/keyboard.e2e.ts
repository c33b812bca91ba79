/** Hands first: a whole unit, and the way around the screens, without a pointer. */
import { expect, test } from '@playwright/test';
import { openDisplay, type Display } from './harness/display.ts';
import {
  expectReady,
  expectSeen,
  keptData,
  labelOf,
  openStation,
  picture,
  scan,
  take,
  ask,
  type KeptData,
  type StationWindow,
} from './harness/station-window.ts';

let kept: KeptData;
let display: Display;
let station: StationWindow;

// Its label names a unit that is in no slot.
const liar = 'VB000BAD-0001';
let good = '';
const terms = {
  ...{ name: 'Shift', product: 'Gateway', quantity: 4, attestation: 'tpm', enrollmentKind: 'individual' },
  ...{ keyAlgorithm: 'p256', deviceIdTemplate: '{serialNumber}', serialPattern: 'VB.+', ekCertificatePolicy: 'none' },
};

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  kept = keptData('keyboard');
  display = await openDisplay();
  const args = ['--virtual-units', '4', '--attestation', 'tpm', '--tpm', 'software'];
  station = await openStation({ display: display.name, data: kept.data, args });
});

test.afterAll(async () => {
  await station.app.close();
  await display.close();
  kept.remove();
});

/** The accessible name of what has the focus, and whether the focus can be seen on it. */
async function focused(): Promise<{ readonly name: string; readonly isVisible: boolean }> {
  return station.page.evaluate(() => {
    const at = document.activeElement;
    if (at === null || at === document.body) return { name: '', isVisible: false };
    const marks = [at, at.parentElement ?? at, at.closest('form') ?? at].map((element) => getComputedStyle(element));
    return {
      name: at.getAttribute('aria-label') ?? at.textContent.trim(),
      isVisible: marks.some((style) => style.outlineStyle !== 'none' && style.outlineWidth !== '0px'),
    };
  });
}

test('a scan alone takes a unit to PASS, and its detail opens and closes by key', async () => {
  const { page } = station;
  await expectReady(station, 4);
  await scan(page, await labelOf(station, 1));
  await expect(station.face(1)).toHaveText('PASS', { timeout: 60_000 });
  await take(station, 1);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('complementary', { name: 'Slot 1 in detail' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('complementary', { name: 'Slot 1 in detail' })).toHaveCount(0);
  await expectSeen(station, 1);
});

test('a digit and the space bar do what the card of a slot shows', async () => {
  const { page } = station;
  await take(station, 2);
  await page.keyboard.press('Space');
  await expect(station.face(2)).toHaveText('PASS', { timeout: 60_000 });
  await expectSeen(station, 2);
});

test('the tab key reaches everything on the bench, and shows where it is', async () => {
  const { page } = station;
  const names: string[] = [];
  // More stops than the bench has: the round ends where it began.
  for (let stop = 0; stop < 40; stop += 1) {
    await page.keyboard.press('Tab');
    const { name, isVisible } = await focused();
    if (name === '') continue;
    if (names.includes(name)) break;
    expect(isVisible, `the focus shows on "${name}"`).toBe(true);
    names.push(name);
  }
  expect(names).toEqual(
    expect.arrayContaining([
      'Operator',
      'Bench',
      'Batches',
      'Outbox',
      'Service',
      'Settings',
      'Scan or type a serial number',
      'Scan the virtual units',
      'Show slot 1 in detail',
      'Show slot 2 in detail',
    ]),
  );
  await picture(page, 'bench-focus');
});

test('screens are changed by key', async () => {
  const { page } = station;
  await page.getByRole('button', { name: 'Service', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('table', { name: 'Registrations' })).toBeVisible();
});

test('golden samples are added by key and scanner', async () => {
  const { page } = station;
  await page.getByRole('button', { name: 'Bench', exact: true }).focus();
  await page.keyboard.press('Enter');
  good = await labelOf(station, 3);
  await page.getByRole('button', { name: 'Samples', exact: true }).focus();
  await page.keyboard.press('Enter');
  const form = page.getByRole('form', { name: 'Add a golden sample' });
  const add = async (name: string, serialNumber: string): Promise<void> => {
    await form.getByRole('textbox', { name: 'Name' }).focus();
    await page.keyboard.type(name);
    await form.getByRole('textbox', { name: 'Serial number' }).focus();
    await scan(page, serialNumber);
    await expect(page.getByRole('article', { name })).toContainText(serialNumber);
  };
  await add('G-GOOD', good);
  await form.getByRole('radio', { name: 'Known good: it must pass' }).focus();
  await page.keyboard.press('ArrowRight');
  await add('G-BAD', liar);
  await expect(page.getByRole('article', { name: 'G-BAD' })).toContainText('Known bad');
});

test('a scan routes to a golden sample, and units wait until both were checked', async () => {
  const { page } = station;
  const { batchId } = await ask<{ batchId: string }>(station, 'batch.open', {
    terms: { ...terms, goldenSamples: true },
  });
  await ask(station, 'batch.select', { batchId });
  await page.getByRole('button', { name: 'Bench', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(station.face(3)).toHaveText('HOLD');
  await expect(station.slot(3)).toContainText('Scan a golden sample');
  // Without a slot in hand, and with the focus on the rail.
  await scan(page, good);
  await expect(station.slot(3)).toContainText('Sample G-GOOD passed, as it must.', { timeout: 60_000 });
  await expect(station.face(3)).toHaveText('PASS');
  await expect(station.slot(4)).toContainText('Scan the known-bad sample');
  // Its label lies: the unit in the slot says another serial number.
  await take(station, 4);
  await scan(page, liar);
  await expect(station.slot(4)).toContainText('Sample G-BAD was refused, as it must be.', { timeout: 60_000 });
  await expect(station.face(4)).toHaveText('PASS');
  await picture(page, 'bench-golden');
  const { items } = await ask<{ items: unknown[] }>(station, 'unit.list', { search: good });
  expect(items, 'a sample is no unit').toEqual([]);
  await page.getByRole('button', { name: 'Samples', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('region', { name: 'This shift' }).getByText('checked')).toHaveCount(2);
});
