// Photographs the screens on the fixture station: node test/renderer/shots.mjs OUT [name-part,…]. For looking, not for comparing.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { mkdirSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { chromium } from 'playwright';
import { build } from 'vite';

const [out = 'out/shots', only = ''] = process.argv.slice(2);
const here = import.meta.dirname;
const kinds = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2' };

await build({ configFile: join(here, 'vite.config.ts'), logLevel: 'warn' });
const folder = resolve(here, '../../out/fixture');
const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://x').pathname;
  readFile(join(folder, path === '/' ? 'index.html' : path)).then(
    (body) => response.writeHead(200, { 'content-type': kinds[extname(path)] ?? 'text/html' }).end(body),
    () => response.writeHead(404).end(),
  );
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const address = server.address();
const origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;

const small = { width: 1280, height: 800 };
const large = { width: 1920, height: 1080 };
const to = (screen) => async (page) => page.getByRole('button', { name: screen, exact: true }).click();
const then =
  (...steps) =>
  async (page) => {
    for (const step of steps) await step(page);
  };
const press = (key) => async (page) => page.keyboard.press(key);
const click = (name) => async (page) => page.getByRole('button', { name }).first().click();

/** name, query, what is done first, size, dark, high contrast */
const shots = [
  ['bench-1-pass', 'slots=1&scene=pass', undefined, small],
  ['bench-1-fail-dark', 'slots=1&scene=fail', undefined, large, true],
  ['bench-1-working', 'slots=1&scene=working', undefined, small],
  ['bench-4', 'slots=4&scene=mixed', undefined, small],
  ['bench-4-dark', 'slots=4&scene=mixed', undefined, large, true],
  ['bench-4-long', 'slots=4&scene=long', undefined, small],
  ['bench-4-ready', 'slots=4&scene=ready', undefined, small],
  ['bench-4-empty', 'slots=4&scene=empty', undefined, small],
  ['bench-4-detail', 'slots=4&scene=mixed', click('Show slot 2 in detail'), small],
  ['bench-9', 'slots=9&scene=mixed', undefined, large],
  ['bench-16', 'slots=16&scene=mixed', undefined, small],
  ['bench-16-dark', 'slots=16&scene=mixed', undefined, large, true],
  ['bench-16-long', 'slots=16&scene=long', undefined, small],
  ['bench-16-more', 'slots=16&scene=mixed', press('5'), small, false, true],
  ['bench-16-fail-long', 'slots=16&scene=long', press('3'), large],
  ['bench-16-learning', 'slots=16&scene=learning', undefined, small],
  ['bench-4-learning', 'slots=4&scene=learning', undefined, large, true],
  ['bench-4-golden', 'slots=4&scene=golden', undefined, small],
  ['bench-8', 'slots=8&scene=mixed', undefined, small],
  ['bench-8-dark', 'slots=8&scene=long', undefined, large, true],
  ['bench-refused', 'slots=16&scene=pass', async (page) => page.keyboard.type('SN-2026-000777\n', { delay: 3 }), small],
  ['bench-training', 'slots=4&scene=ready', click('Show slot 2 in detail'), small],
  ['bench-fixture', 'slots=8&scene=learning', click('Show slot 2 in detail'), large],
  ['bench-16-training', 'slots=16&scene=training', undefined, small],
  ['bench-1-training', 'slots=1&scene=training', undefined, large],
  ['bench-4-unplugged', 'slots=4&scene=unplugged', undefined, small],
  ['bench-4-history', 'slots=4&scene=mixed', click('Show slot 2 in detail'), large, true],
  ['batches-history', '', then(to('Batches'), async (page) => page.getByRole('row').nth(2).click()), small],
  ['settings-dark', 'slots=8', to('Settings'), large, true],
  ['recovery', 'slots=4', to('Recovery'), small],
  ['recovery-dark', 'slots=4', then(to('Recovery'), click('Set aside')), large, true],
  ['samples', 'scene=golden', to('Samples'), small],
  ['bench-offline', 'slots=4&scene=offline', undefined, small],
  ['bench-lost', 'slots=4&scene=mixed&mood=silent', async (page) => page.waitForTimeout(7_000), small],
  ['starting', 'mood=mute', undefined, small],
  ['batches', '', to('Batches'), small],
  ['batches-dark', '', then(to('Batches'), async (page) => page.getByRole('row').nth(4).click()), large, true],
  ['batches-empty', 'scene=empty', to('Batches'), small],
  ['batches-failing', 'mood=failing', to('Batches'), small],
  ['batches-form', '', then(to('Batches'), click('Open batch')), small],
  ['batches-long', 'scene=long', to('Batches'), small],
  [
    'batches-form-wrong',
    '',
    then(to('Batches'), click('Open batch'), async (page) =>
      page.locator('form').getByRole('button', { name: 'Open batch' }).click(),
    ),
    large,
    true,
  ],
  ['batches-report', '', then(to('Batches'), click('Save as CSV')), small],
  ['outbox', '', to('Outbox'), small],
  ['outbox-dark', '', to('Outbox'), large, true],
  ['outbox-empty', 'scene=empty', to('Outbox'), small],
  ['service', '', to('Service'), small],
  ['service-dark', '', to('Service'), large, true],
  ['service-empty', 'scene=empty', to('Service'), small],
  ['service-offline', 'scene=offline', to('Service'), small],
  ['service-failing', 'mood=failing', to('Service'), small],
  ['settings', '', to('Settings'), small],
];

mkdirSync(out, { recursive: true });
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: process.env.BENCHLINE_CHROMIUM ?? '/usr/bin/chromium', args });
for (const [name, query, first, viewport, isDark = false, isMore = false] of shots) {
  if (!only.split(',').some((part) => name.includes(part))) continue;
  const page = await browser.newPage({
    viewport,
    colorScheme: isDark ? 'dark' : 'light',
    contrast: isMore ? 'more' : 'no-preference',
  });
  page.on('console', (message) => process.stdout.write(`${name}: ${message.text()}\n`));
  page.on('pageerror', (error) => process.stdout.write(`${name}: ${error.message}\n`));
  await page.goto(`${origin}/?${query}`);
  await page.waitForTimeout(350);
  try {
    await first?.(page);
  } catch (error) {
    process.stdout.write(`${name}: ${error.message.split('\n')[0]}\n`);
  }
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(out, `${name}.png`) });
  await page.close();
}
await browser.close();
server.close();
