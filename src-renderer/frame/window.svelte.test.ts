import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { createFixtureStation } from '../../test/renderer/fixture-station.ts';
import { sceneFrom } from '../../test/renderer/scenes.ts';
import '../theme/base.css';
import '../theme/tokens.css';
import { browserOf } from '../bridge/browser.ts';
import type { Verdict } from '../../src-main/contract/views.ts';
import AppFrame from './AppFrame.svelte';

const played: Verdict[] = [];

function open(query: string): void {
  const station = createFixtureStation(sceneFrom(new URLSearchParams(query)));
  const browser = { ...browserOf(window), station };
  void render(AppFrame, {
    browser,
    clock: systemClock,
    tones: { play: (verdict: Verdict) => void played.push(verdict) },
  });
}

/** As fast as a scanner types, which a browser driver on a busy machine does not. */
function scanInto(field: HTMLInputElement, text: string): void {
  const press = (key: string): boolean =>
    field.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  for (const character of text) if (press(character)) field.value += character;
  press('Enter');
}

const slot = (n: number) => page.getByRole('article', { name: `Slot ${n}`, exact: true });

beforeEach(() => {
  played.length = 0;
  localStorage.clear();
});
afterEach(() => localStorage.clear());

describe('the bench', () => {
  it('says each verdict as a word that is found by its role', async () => {
    open('slots=4&scene=mixed');
    await expect.element(slot(1).getByRole('status')).toHaveTextContent('PASS');
    await expect.element(slot(2).getByRole('status')).toHaveTextContent('FAIL');
    await expect.element(slot(3).getByRole('status')).toHaveTextContent('WORKING');
    await expect.element(slot(4).getByRole('status')).toHaveTextContent('ERROR');
  });

  it('starts a scan whatever has the focus, and ends in PASS with its tone', async () => {
    open('slots=4&scene=ready');
    await expect.element(slot(1)).toBeVisible();
    await userEvent.keyboard('SN-2026-000777{Enter}');
    await expect.element(slot(1).getByRole('status')).toHaveTextContent('WORKING');
    await expect.element(slot(1).getByText('SN-2026-000777')).toBeVisible();
    await expect.element(slot(1).getByRole('status'), { timeout: 8_000 }).toHaveTextContent('PASS');
    expect(played).toEqual(['pass']);
  });

  it('takes a digit for a slot and Space for its next action', async () => {
    open('slots=4&scene=ready');
    await expect.element(slot(3)).toBeVisible();
    await userEvent.keyboard('3');
    await expect.element(page.getByText('The next unit goes to slot 3')).toBeVisible();
    await userEvent.keyboard(' ');
    await expect.element(slot(3).getByRole('status')).toHaveTextContent('WORKING');
    await expect.element(slot(1).getByRole('status')).toHaveTextContent('READY');
  });

  it('takes a scan out of the field it ran into', async () => {
    open('slots=4&scene=ready');
    const operator = page.getByRole('textbox', { name: 'Operator' });
    await expect.element(operator).toBeVisible();
    scanInto(operator.element() as HTMLInputElement, 'SN-2026-000778');
    await expect.element(slot(1).getByText('SN-2026-000778')).toBeVisible();
    await expect.element(operator).toHaveValue('Ada Okafor');
  });

  it('opens the detail beside the slots and closes it with Escape', async () => {
    open('slots=4&scene=mixed');
    await page.getByRole('button', { name: 'Show slot 2 in detail' }).click();
    const detail = page.getByRole('complementary', { name: 'Slot 2 in detail' });
    await expect.element(detail.getByText(/already provisioned/)).toBeVisible();
    await expect.element(slot(2)).toBeVisible();
    await userEvent.keyboard('{Escape}');
    await expect.element(detail).not.toBeInTheDocument();
  });

  it('scans the virtual units at one press', async () => {
    open('slots=2&scene=ready');
    await page.getByRole('button', { name: 'Scan the virtual units' }).click();
    await expect.element(slot(1).getByRole('status')).toHaveTextContent('WORKING');
    await expect.element(slot(2).getByRole('status')).toHaveTextContent('WORKING');
  });

  it('holds and leads to the batches where none is chosen', async () => {
    open('slots=1&scene=empty');
    await expect.element(slot(1).getByRole('status')).toHaveTextContent('HOLD');
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByText('No batch yet.')).toBeVisible();
  });
});

describe('the other screens', () => {
  const go = (name: string) => page.getByRole('button', { name, exact: true }).click();

  it('open a batch, and say in words what is missing first', async () => {
    open('scene=empty');
    await go('Batches');
    await page.getByRole('button', { name: 'Open batch' }).first().click();
    const form = page.getByRole('form', { name: 'Open a batch' });
    await form.getByRole('button', { name: 'Open batch' }).click();
    await expect.element(form.getByText('Enter a name of 1 to 80 characters.')).toBeVisible();
    await form.getByRole('textbox', { name: 'Name', exact: true }).fill('2026-200');
    await form.getByRole('textbox', { name: 'Product' }).fill('Gateway');
    await form.getByRole('button', { name: 'Open batch' }).click();
    await expect.element(page.getByRole('article', { name: 'Batch 2026-200' })).toBeVisible();
    await expect.element(page.getByText('On the bench')).toBeVisible();
  });

  it('save a report and show where it is', async () => {
    open('');
    await go('Batches');
    await page.getByRole('button', { name: 'Save as CSV' }).click();
    await expect.element(page.getByText('/home/line/Benchline/reports/2026-114.csv')).toBeVisible();
  });

  it('draw only the rows that are seen, however many there are', async () => {
    open('scene=million');
    await go('Batches');
    const table = page.getByRole('table', { name: 'Units of the batch' });
    await expect.element(table).toHaveAttribute('aria-rowcount', '1000000');
    await expect.element(table.getByText('SN-2026-900000').first()).toBeVisible();
    expect(table.getByRole('row').elements().length).toBeLessThan(60);
  });

  it('find the search with the slash and a unit by it', async () => {
    open('');
    await go('Batches');
    await expect.element(page.getByRole('table', { name: 'Units of the batch' })).toBeVisible();
    await userEvent.keyboard('/899996');
    await expect.element(page.getByRole('textbox', { name: 'Search units' })).toHaveValue('899996');
    await expect.element(page.getByText('SN-2026-899999')).not.toBeInTheDocument();
  });

  it('tell why a list failed and offer to try again', async () => {
    open('mood=failing');
    await go('Outbox');
    await expect.element(page.getByText('The records of the station cannot be read.')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Try again' })).toBeVisible();
  });

  it('teach what an empty outbox means', async () => {
    open('scene=empty');
    await go('Outbox');
    await expect.element(page.getByText('The outbox is empty.')).toBeVisible();
  });

  it('show the hubs with their devices and set the policy', async () => {
    open('');
    await go('Service');
    await expect.element(page.getByRole('article', { name: 'Hub hub-1.benchline.local' })).toBeVisible();
    await page.getByRole('radio', { name: 'Static' }).click({ force: true });
    await expect.element(page.getByText('Each enrollment names its hub.')).toBeVisible();
  });

  it('dress the page as it is set and keep it', async () => {
    open('');
    await go('Settings');
    await page.getByRole('radio', { name: 'Dark' }).click({ force: true });
    expect(document.documentElement.dataset['theme']).toBe('dark');
    expect(localStorage.getItem('preferences')).toContain('dark');
  });
});

it('says calmly that the station does not answer and what happens next', async () => {
  open('slots=4&scene=mixed&mood=silent');
  await expect.element(page.getByText('The station does not answer.'), { timeout: 9_000 }).toBeVisible();
  await expect.element(slot(1).getByRole('status')).toHaveTextContent('PASS');
});
