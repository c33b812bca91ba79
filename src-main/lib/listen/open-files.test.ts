import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { connectionsOfProcess, connectionsWithin, openFileLimit } from './open-files.ts';

it.each([
  ['20000', 20_000],
  ['unlimited', Number.MAX_SAFE_INTEGER],
])('reads what the system says of open files: %s', (said, limit) => {
  const folder = mkdtempSync(join(tmpdir(), 'open-files-'));
  const file = join(folder, 'limits');
  writeFileSync(file, `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${said}   ${said}   files\n`);
  expect(openFileLimit(file)).toBe(limit);
  rmSync(folder, { recursive: true });
});

it('takes the usual limit where the system says nothing', () => {
  expect(openFileLimit('/nowhere')).toBe(1_024);
});

it.each([
  [1_024, 460],
  [256, 100],
  [20_000, 11_846],
  [65_536, 20_000],
  [1_048_576, 20_000],
])('with %i open files a listener holds %i connections', (files, connections) => {
  expect(connectionsWithin(files)).toBe(connections);
});

it('all listeners together leave files for what is no connection', () => {
  expect([256, 1_024, 20_000].map(connectionsOfProcess)).toEqual([100, 768, 19_744]);
  expect(connectionsOfProcess(1_024)).toBeLessThan(2 * connectionsWithin(1_024));
});
