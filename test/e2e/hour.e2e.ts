/** A technician's hour on sixteen slots: badge, scans, wrong labels, faulty units and a killed station, without a pointer. */
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import type { BatchView, UnitView } from '../../src-main/contract/views.ts';
import { openDisplay, type Display } from './harness/display.ts';
import { kill } from './harness/run-processes.ts';
import { ask, burst, keptData, labelOf, openStation, picture, resize, scan, take } from './harness/station-window.ts';
import type { KeptData, StationWindow } from './harness/station-window.ts';

const slots = Array.from({ length: 16 }, (_, at) => at + 1);
// Sixteen units, a service and two hubs start on two cores.
const startMs = 180_000;
const verdictMs = 90_000;
const stationProcess = 'node.mojom.NodeService';

let kept: KeptData;
let display: Display;
let bench: StationWindow;
let labels: readonly string[] = [];

test.describe.configure({ mode: 'serial', timeout: 240_000 });

test.beforeAll(async () => {
  kept = keptData('hour');
  display = await openDisplay('2048x1152');
  const args = ['--virtual-units', '16', '--attestation', 'tpm', '--tpm', 'software'];
  bench = await openStation({ display: display.name, data: kept.data, args });
});

test.afterAll(async () => {
  await bench.app.close();
  await display.close();
  kept.remove();
});

const label = (slot: number): string => labels[slot - 1] ?? '';
const face = (slot: number, word: string) => expect(bench.face(slot)).toHaveText(word, { timeout: verdictMs });

async function unitOf(slot: number): Promise<UnitView | undefined> {
  const { items } = await ask<{ items: UnitView[] }>(bench, 'unit.list', { search: label(slot), limit: 5 });
  return items.find((unit) => unit.serialNumber === label(slot));
}

/** By key alone, as a hand without a mouse: the focus, then Enter. */
async function press(name: string): Promise<void> {
  await bench.page.getByRole('button', { name, exact: true }).first().focus();
  await bench.page.keyboard.press('Enter');
}

/** Puts the unit of one label into one slot: both are scanned. */
async function scanInto(slot: number, code: string): Promise<void> {
  await scan(bench.page, `SLOT-${slot}`);
  await expect(bench.page.getByText(`goes to slot ${slot}`, { exact: false })).toBeVisible();
  await scan(bench.page, code);
}

test('sixteen slots are ready, and a badge says who works', async () => {
  const { page } = bench;
  await expect(bench.target).toContainText('online', { timeout: startMs });
  for (const slot of slots) await expect(bench.face(slot)).toHaveText('READY', { timeout: startMs });
  labels = await Promise.all(slots.map((slot) => labelOf(bench, slot)));
  await scan(page, 'OP-GRACE HOPPER');
  await expect(page.getByRole('textbox', { name: 'Operator' })).toHaveValue('GRACE HOPPER');
  await picture(page, 'hour-ready');
});

test('a batch is opened by key', async () => {
  const { page } = bench;
  await press('Batches');
  await press('Open batch');
  const form = page.getByRole('form', { name: 'Open a batch' });
  for (const [field, text] of [
    ['Name', 'Hour'],
    ['Product', 'Gateway'],
    ['Quantity', '16'],
    ['Serial number pattern', 'VB.+'],
  ] as const) {
    await form.getByRole('textbox', { name: field, exact: true }).focus();
    await page.keyboard.press('Control+A');
    await page.keyboard.type(text);
  }
  await page.keyboard.press('Enter');
  await expect(page.getByRole('article', { name: 'Batch Hour' })).toBeVisible();
  await expect(page.getByRole('banner')).toContainText('0 of 16');
  await press('Bench');
});

test('a slot and a label put a unit there, and a double read starts nothing twice', async () => {
  const { page } = bench;
  await scanInto(1, label(1));
  await expect(bench.slot(1).getByRole('button', { name: 'Stop' }).or(bench.face(1).getByText('PASS'))).toBeVisible();
  await scan(page, label(1));
  await face(1, 'PASS');
  expect(await unitOf(1)).toMatchObject({ runs: 1, slot: 1, operator: 'GRACE HOPPER' });
});

test('a wrong label is refused in words, and nothing on the bench moves', async () => {
  const { page } = bench;
  const before = await bench.slot(1).boundingBox();
  await scan(page, 'BOX-4711');
  await expect(page.getByRole('alert')).toContainText('serial-malformed');
  await burst(page, 'VB-1\nVB-2\n');
  await expect(page.getByRole('alert')).toContainText('scan-several');
  expect(await bench.slot(1).boundingBox()).toEqual(before);
  await expect(bench.face(1)).toHaveText('PASS');
});

test('the label of another unit fails the one that is plugged in, and the right slot takes it afterwards', async () => {
  await scanInto(3, label(2));
  await face(3, 'FAIL');
  await expect(bench.slot(3)).toContainText('The unit says it is');
  await scanInto(2, label(2));
  await face(2, 'PASS');
  // Its verdict stays until the next scan there.
  await expect(bench.face(3)).toHaveText('FAIL');
  await scanInto(3, `(01)09521234543213(21)${label(3)}`);
  await face(3, 'PASS');
});

test('a hung unit is stopped by a scanned command and passes when it is run again', async () => {
  const { page } = bench;
  await ask(bench, 'virtual.setFault', { slot: 4, fault: { name: 'stuck-silent' } });
  await face(4, 'READY');
  await scanInto(4, label(4));
  await face(4, 'WORKING');
  await scan(page, 'CMD-ABORT');
  await face(4, 'ERROR');
  await expect(bench.slot(4)).toContainText('The run was stopped by hand.');
  await ask(bench, 'virtual.setFault', { slot: 4 });
  await expect(bench.slot(4)).not.toContainText('Training');
  await take(bench, 4);
  await page.keyboard.press('Space');
  await face(4, 'PASS');
  expect(await unitOf(4)).toMatchObject({ runs: 2 });
});

test('a cloned TPM fails before anything is written, and says whose identity it is', async () => {
  await ask(bench, 'virtual.setFault', { slot: 5, fault: { name: 'duplicate-ek', value: 1 } });
  await scanInto(5, label(5));
  await face(5, 'FAIL');
  await expect(bench.slot(5).getByRole('button', { name: 'Run again' })).toBeVisible();
  await picture(bench.page, 'hour-verdicts');
  await take(bench, 5);
  await bench.page.keyboard.press('Enter');
  const other = bench.page.getByRole('region', { name: 'The unit it is taken for' });
  await expect(other).toContainText(`Its identity belongs to ${label(1)}.`);
  await expect(other.getByRole('listitem')).toHaveCount(1);
  await expect(other).toContainText('Run 1 · PASS');
  await picture(bench.page, 'hour-duplicate');
  await bench.page.keyboard.press('Escape');
});

test('a slot above nine is taken by two digits, and Space does what its card says', async () => {
  await take(bench, 12);
  await bench.page.keyboard.press('Space');
  await face(12, 'PASS');
});

test('a scanner that runs into a field leaves nothing there', async () => {
  const { page } = bench;
  const operator = page.getByRole('textbox', { name: 'Operator' });
  await operator.focus();
  await burst(page, `${label(13)}\n`);
  await face(13, 'PASS');
  await expect(operator).toHaveValue('GRACE HOPPER');
  await page.keyboard.press('Escape');
});

test('a station that is killed in a run comes back, keeps its verdicts and finishes the unit', async () => {
  const { page } = bench;
  await ask(bench, 'virtual.setFault', { slot: 7, fault: { name: 'delay', value: 500 } });
  await scanInto(7, label(7));
  await face(7, 'WORKING');
  kill(bench.processes(stationProcess));
  await expect(page.getByText('The station does not answer.')).toBeVisible();
  await expect(page.getByText('The station does not answer.')).toHaveCount(0, { timeout: startMs });
  await expect(bench.face(1)).toHaveText('PASS', { timeout: startMs });
  await expect(bench.face(5)).toHaveText('FAIL');
  // No training goes on in production unsaid: the restart ended it, and the bench tells.
  const training = page.getByRole('group', { name: 'Training' });
  await expect(training).toContainText('Training ended with the restart: slots 5, 7');
  await press('Understood');
  await expect(training).toHaveCount(0);
  await expect(bench.face(7)).toHaveText(/PASS|ERROR/, { timeout: startMs });
  await press('Recovery');
  await expect(page.getByRole('heading', { name: 'Recovery' })).toBeVisible();
  await picture(page, 'hour-recovery');
  await press('Bench');
});

test('the rest of the bench passes, and store and report say the same as the screen', async () => {
  const { page } = bench;
  for (const slot of slots) {
    await expect(bench.face(slot)).toHaveText(/READY|PASS|FAIL|ERROR/, { timeout: startMs });
  }
  await press('Scan the virtual units');
  // The unit of slot 5 too: since the restart it has the TPM it was made with, and its own identity belongs to nobody else.
  for (const slot of slots) await face(slot, 'PASS');
  const { batches } = await ask<{ batches: BatchView[] }>(bench, 'batch.list', {});
  const batch = batches.find((one) => one.terms.name === 'Hour');
  expect(batch?.counts).toMatchObject({ passed: 16, failed: 0, inWork: 0 });
  const { path } = await ask<{ path: string }>(bench, 'batch.report', { batchId: batch?.batchId, format: 'jsonl' });
  const report = readFileSync(path, 'utf8');
  for (const slot of slots) expect(report.split(label(slot)).length, label(slot)).toBeGreaterThan(1);
  await expect(page.getByRole('banner')).toContainText('16 of 16');
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const { width, height } of [
    { width: 1280, height: 800 },
    { width: 1920, height: 1080 },
  ]) {
    test(`sixteen verdicts keep inside the window, ${colorScheme}, ${width} x ${height}`, async () => {
      await bench.page.emulateMedia({ colorScheme });
      await resize(bench, width, height);
      await picture(bench.page, `hour-${width}-${colorScheme}`);
    });
  }
}
