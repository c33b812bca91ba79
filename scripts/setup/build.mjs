// The desktop app in out/, built again only when something it is made of has changed.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { cachePath, isStamped, modules, nodePath, root, sha256, stamp } from './places.mjs';
import { SetupStop, run, step } from './say.mjs';

const sources = ['src-main', 'src-renderer', 'electron.vite.config.ts', 'svelte.config.js', 'package-lock.json'];

/** Changes with every file that is added, removed or written. */
export function sourceMark() {
  const lines = [];
  const look = (path) => {
    const found = statSync(join(root, path));
    if (found.isDirectory()) for (const name of readdirSync(join(root, path)).sort()) look(`${path}/${name}`);
    else if (!path.endsWith('.test.ts')) lines.push(`${path} ${found.size} ${found.mtimeMs}`);
  };
  sources.forEach(look);
  return sha256(lines.join('\n'));
}

export async function ensureBuild() {
  // For work on the tests themselves: out/ is taken as it is.
  if (process.env.BENCHLINE_BUILT === '1') return;
  const wanted = sourceMark();
  const ready = () => isStamped('build', wanted) && existsSync(join(root, about().main));
  if (ready()) return;
  await withLock(cachePath(`build-${sha256(root).slice(0, 12)}.lock`), async () => {
    if (ready()) return;
    await step('building the desktop app', async () => {
      const built = await run(nodePath(), [join(modules, '.bin/electron-vite'), 'build'], { cwd: root });
      if (!built.ok) throw new SetupStop(`electron-vite did not succeed:\n${built.tail}`);
    });
    stamp('build', wanted);
  });
}

function about() {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
}
