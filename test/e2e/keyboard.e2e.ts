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
  type KeptData,
  type StationWindow,
} from './harness/station-window.ts';

let kept: KeptData;
let display: Display;
let station: StationWindow;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async () => {
  kept = keptData('keyboard');
  display = await openDisplay();
  station = await openStation({ display: display.name, data: kept.data, args: ['--virtual-units', '2'] });
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
  await expectReady(station, 2);
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
