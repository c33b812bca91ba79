/** The built shell with another page and another station: what is proven with it is the shell's own. */
import { chmodSync, cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout, ground } from './ground.ts';

/** @param fault planted: a shell that does not insist on Chromium's sandbox */
export function minimalApp(fault?: 'sandbox-not-enabled'): string {
  const { home } = ground();
  const folder = mkdtempSync(join(tmpdir(), 'benchline-minimal-'));
  const about = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...about, name: 'benchline-minimal' }));
  cpSync(join(home, 'out/main'), join(folder, 'out/main'), { recursive: true });
  cpSync(join(home, 'out/preload'), join(folder, 'out/preload'), { recursive: true });
  cpSync(join(home, 'resources'), join(folder, 'resources'), { recursive: true });
  symlinkSync(join(home, 'node_modules'), join(folder, 'node_modules'));
  const own = join(checkout, 'test/e2e/minimal');
  cpSync(join(own, 'index.html'), join(folder, 'out/renderer/index.html'));
  cpSync(join(own, 'page.js'), join(folder, 'out/renderer/page.js'));
  cpSync(join(own, 'station.js'), join(folder, 'out/main/station/main.js'));
  if (fault !== undefined) plant(join(folder, 'out/main/electron/main.js'), 'app.enableSandbox();');
  chmodSync(folder, 0o755);
  return folder;
}

function plant(file: string, without: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(without)) throw new Error(`${file} has no "${without}" to leave out`);
  writeFileSync(file, text.replace(without, ''));
}
