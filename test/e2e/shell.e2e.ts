/** The shell alone: its window is sealed, seen from outside the process, and its bridge relays what it should. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { openApp, type App } from './harness/app.ts';
import { openDisplay, type Display } from './harness/display.ts';
import { ground } from './harness/ground.ts';
import { minimalApp } from './harness/minimal-app.ts';
import { rendererOf } from './harness/process.ts';

interface StationPort {
  call(name: string, payload: unknown): Promise<{ ok: boolean; value?: Echo; fault?: { code: string } }>;
}
interface Echo {
  readonly name: string;
  readonly payload: unknown;
  readonly args: readonly string[];
  readonly pid: number;
}
declare const station: StationPort;

let display: Display;
let home: string;
let app: App;

const processId = (of: App): number => {
  const { pid } = of.electron.process();
  if (pid === undefined) throw new Error('the app has no process');
  return pid;
};

/** How often the shell has said `event` in its log. */
function countLines(of: App, event: string): () => number {
  const file = join(of.data, 'logs/benchline.log');
  return () => readFileSync(file, 'utf8').split(`"event":"${event}"`).length - 1;
}

/** What must hold of the process that draws the page. */
function expectSealed(of: App): void {
  const renderer = rendererOf(processId(of));
  expect(renderer.seccomp, 'the kernel filters the system calls of the renderer').toBe(2);
  expect(renderer.noNewPrivileges).toBe(1);
  expect(renderer.uid).not.toBe(0);
}

async function withApp(options: { home: string; switches: string[] }, look: (open: App) => void): Promise<void> {
  const open = await openApp({ display: display.name, ...options });
  try {
    look(open);
  } finally {
    await open.close();
  }
}

test.beforeAll(async () => {
  const { electron } = ground();
  test.info().annotations.push({ type: 'runtime', description: `Electron ${electron.version} (${electron.kind})` });
  display = await openDisplay();
  home = minimalApp();
  app = await openApp({ display: display.name, home });
});

test.afterAll(async () => {
  await app.close();
  await display.close();
  rmSync(home, { recursive: true, force: true });
});

test('the renderer runs under a system call filter and without privileges', () => {
  expectSealed(app);
});

test('a switch on the command line does not take the sandbox away', async () => {
  await withApp({ home, switches: ['--no-sandbox'] }, expectSealed);
});

test('that check fails on a shell that lets the switch do so', async () => {
  const unsealed = minimalApp('sandbox-not-enabled');
  await withApp({ home: unsealed, switches: ['--no-sandbox'] }, (open) => {
    expect(() => {
      expectSealed(open);
    }).toThrow('the kernel filters the system calls');
  });
  rmSync(unsealed, { recursive: true, force: true });
});

test('the page has no Node and sees of the shell only call and listen', async () => {
  const seen = await app.page.evaluate(() => ({
    node: ['require', 'process', 'Buffer', 'module', 'global'].filter((name) => name in globalThis),
    station: Object.keys(station).sort(),
  }));
  expect(seen).toEqual({ node: [], station: ['call', 'listen'] });
});

test('an inline script does not run, text is not run as code, and nothing is fetched from elsewhere', async () => {
  await expect(app.page).toHaveTitle('Minimal');
  // Told by the page itself: what is evaluated from out here is beyond its policy.
  await expect(app.page.getByRole('listitem')).toHaveText([
    'code from text: refused',
    'fetch: refused',
    'image: refused',
  ]);
});

test('the policy comes as a header with every file of the page', async () => {
  const response = await app.page.reload();
  const policy = response?.headers()['content-security-policy'] ?? '';
  expect(policy.split('; ')).toEqual(
    expect.arrayContaining(["default-src 'none'", "script-src 'self'", "connect-src 'none'", "frame-ancestors 'none'"]),
  );
  expect(policy).not.toContain('unsafe');
});

test('no window is opened and no other page is reached', async () => {
  const open = await openApp({ display: display.name, home });
  const refused = countLines(open, 'navigation-refused');
  // Playwright holds a page whose navigation never ends for busy: from here on the window is asked through the shell.
  const inPage = (code: string) =>
    open.electron.evaluate(
      ({ BrowserWindow }, script) => BrowserWindow.getAllWindows()[0]?.webContents.executeJavaScript(script, true),
      code,
    );
  expect(await inPage("String(window.open('https://127.0.0.1:9/'))")).toBe('null');
  await inPage("window.location.href = 'https://127.0.0.1:9/'; 0");
  await expect.poll(refused).toBe(1);
  await inPage("window.location.href = 'app://benchline/other.html'; 0");
  await expect.poll(refused).toBe(2);
  const link = "const a = document.createElement('a'); a.href = 'https://127.0.0.1:9/'; document.body.append(a);";
  await inPage(`${link} a.target = '_blank'; a.click(); a.target = ''; a.click(); 0`);
  await expect.poll(refused).toBe(3);
  expect(await inPage("document.querySelector('h1').textContent + ' ' + location.href")).toBe(
    'Minimal app://benchline/index.html',
  );
  expect(await open.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
  await open.close();
});

test('every permission but writing to the clipboard is denied', async () => {
  const states = await app.page.evaluate(async () => {
    const names = ['geolocation', 'notifications', 'camera', 'microphone', 'midi'];
    const found = await Promise.all(
      names.map(async (name) => (await navigator.permissions.query({ name: name as PermissionName })).state),
    );
    return [...new Set(found)];
  });
  expect(states).toEqual(['denied']);
});

test('a question reaches the station and its answer comes back', async () => {
  const answer = await app.page.evaluate(() => station.call('bench.scan', { text: 'SN-1' }));
  expect(answer).toMatchObject({ ok: true, value: { name: 'bench.scan', payload: { text: 'SN-1' } } });
  expect(answer.value?.args).toEqual(['--data', app.data, '--virtual-units', '4']);
});

test('a fault of the station comes back as data', async () => {
  const answer = await app.page.evaluate(() => station.call('batch.list', {}));
  expect(answer).toEqual({ ok: false, fault: { code: 'no-batches', say: 'There is none.', hint: 'Open one.' } });
});

test('a question the contract does not know never reaches the station', async () => {
  const answers = await app.page.evaluate(async () => ({
    unknown: await station.call('station.destroy', {}),
    large: await station.call('bench.scan', { text: 'x'.repeat(1_100_000) }),
  }));
  expect(answers.unknown).toMatchObject({ ok: false, fault: { code: 'call-refused' } });
  expect(answers.large).toMatchObject({ ok: false, fault: { code: 'call-too-large' } });
});

test('what the station tells by itself reaches the page', async () => {
  await app.page.evaluate(() => station.call('bench.get', {}));
  await expect(app.page.getByRole('status')).toHaveText('station.changed 3');
});

test('a station that ends is started again, and the page is answered meanwhile', async () => {
  const before = await app.page.evaluate(() => station.call('station.get', {}));
  const lost = await app.page.evaluate(() => station.call('bench.abort', { slot: 1 }));
  expect(lost).toMatchObject({ ok: false, fault: { code: 'station-lost' } });
  const after = async () => (await app.page.evaluate(() => station.call('station.get', {}))).value?.pid;
  await expect.poll(after, { timeout: 20_000 }).toEqual(expect.any(Number));
  expect(await after()).not.toBe(before.value?.pid);
});

test('a second start on the same data folder gives way to the first', async () => {
  await expect(openApp({ display: display.name, home, data: app.data })).rejects.toThrow();
  const answer = await app.page.evaluate(() => station.call('station.get', {}));
  expect(answer.ok).toBe(true);
});
