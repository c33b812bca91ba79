// node_modules as the lockfile says, with the locked Node in node_modules/.bin.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { cachePath, isStamped, modules, nodePath, root, sha256, stamp } from './places.mjs';
import { SetupStop, run, step } from './say.mjs';

const lockFile = join(root, 'package-lock.json');

export async function ensurePackages() {
  const wanted = sha256(readFileSync(lockFile));
  const ready = () => nodePath() !== undefined && isStamped('packages', wanted);
  if (ready()) return;
  if (nodePath() !== undefined && matchesLock()) {
    stamp('packages', wanted);
    return;
  }
  await withLock(cachePath(`packages-${sha256(root).slice(0, 12)}.lock`), async () => {
    if (ready()) return;
    await step('installing the packages of package-lock.json (npm ci)', install);
    stamp('packages', wanted);
  });
  if (nodePath() === undefined) {
    throw new SetupStop(
      `Node 24 is not packaged for ${process.platform}-${process.arch}; install Node 24 and run this again`,
    );
  }
}

/** True where someone has run `npm ci` already: npm's own record of node_modules equals the lockfile. */
function matchesLock() {
  try {
    const locked = JSON.parse(readFileSync(lockFile, 'utf8')).packages;
    const installed = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages;
    return Object.entries(locked).every(([path, entry]) => {
      if (path === '') return true;
      const found = installed[path];
      if (found === undefined) return entry.optional === true || entry.peer === true;
      return found.version === entry.version && found.integrity === entry.integrity && existsSync(join(root, path));
    });
  } catch {
    return false;
  }
}

async function install() {
  const npm = process.env.npm_execpath;
  const quiet = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const done =
    npm?.endsWith('.js') === true
      ? await run(process.execPath, [npm, ...quiet], { cwd: root })
      : await run('npm', quiet, { cwd: root });
  if (!done.ok) throw new SetupStop(`npm ci did not succeed:\n${done.tail}\nRun this, then try again:  npm ci`);
}
