// Where things are kept: the checkout, and a cache outside it that survives `npm ci` and is shared by checkouts.
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const isRoot = process.getuid?.() === 0;

/** The unprivileged user that set-up makes where it is root: Chromium's sandbox does not run as root. */
export const plainUser = 'benchline';

// Root's home is closed to the unprivileged user who must run what is cached.
const sharedCache = '/var/cache/benchline';

function cacheFolders() {
  const named = process.env.BENCHLINE_CACHE;
  if (named !== undefined && named !== '') return { own: resolve(named), all: [resolve(named)] };
  const home = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'benchline');
  return isRoot ? { own: sharedCache, all: [sharedCache] } : { own: home, all: [home, sharedCache] };
}

/** The first cached path of this name that this user can read. */
export function findCached(name) {
  for (const folder of cacheFolders().all) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.R_OK);
      return path;
    } catch {
      continue;
    }
  }
  return undefined;
}

export function cachePath(name) {
  const { own } = cacheFolders();
  mkdirSync(own, { recursive: true, mode: 0o755 });
  return join(own, name);
}

export const modules = join(root, 'node_modules');

/** The Node that everything of ours runs on: the locked one, else the running one where it is new enough. */
export function nodePath() {
  const locked = join(modules, '.bin/node');
  if (existsSync(locked)) return locked;
  return Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : undefined;
}

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

const stampFile = (name) => join(modules, '.cache/benchline', `${name}.stamp`);

export function isStamped(name, value) {
  try {
    return readFileSync(stampFile(name), 'utf8') === value;
  } catch {
    return false;
  }
}

export function stamp(name, value) {
  mkdirSync(dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), value);
}
