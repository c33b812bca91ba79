// The Debian packages a verb needs beside npm's: what the window links against, and the tools the tests check with.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isRoot } from './places.mjs';
import { SetupStop, run, step } from './say.mjs';

/** Each need lists the names a package goes by, newest first: Ubuntu 24.04 renamed those with a 64-bit time type. */
const needs = {
  window: [['libgtk-3-0t64', 'libgtk-3-0'], ['libnss3'], ['libasound2t64', 'libasound2'], ['libgbm1'], ['libxss1']],
  build: [['g++'], ['make'], ['python3']],
  tests: [
    // For the page's own tests; the window itself is Electron.
    ['chromium'],
    ['xvfb'],
    ['xauth'],
    ['swtpm'],
    ['swtpm-tools'],
    ['tpm2-tools'],
    ['socat'],
    ['sqlite3'],
    ['openssl'],
    ['procps'],
  ],
};

/** @param groups names of `needs` */
export async function ensureLibraries(groups) {
  const wanted = groups.flatMap((group) => needs[group]);
  if (process.platform !== 'linux' || !isDebian()) return;
  let missing = missingOf(wanted);
  if (missing.length === 0) return;
  if (isRoot) {
    await step(`installing ${missing.map(([name]) => name).join(' ')}`, () => install(missing));
    missing = missingOf(wanted);
    if (missing.length === 0) return;
  }
  const names = missing.map(known).join(' ');
  throw new SetupStop(
    `Missing system packages. Run this, then try again:\n  sudo apt-get update && sudo apt-get install -y ${names}`,
  );
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

function missingOf(wanted) {
  const listed = spawnSync('dpkg-query', ['-W', '-f=${Package} ${db:Status-Status}\n', ...wanted.flat()], {
    encoding: 'utf8',
  });
  const installed = new Set(
    listed.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return wanted.filter((names) => !names.some((name) => installed.has(name)));
}

/** The name this release has a candidate for. */
function known(names) {
  const found = names.find((name) => {
    const policy = spawnSync('apt-cache', ['policy', name], { encoding: 'utf8' });
    return /Candidate: (?!\(none\))/.test(policy.stdout ?? '');
  });
  return found ?? names.at(-1);
}

async function install(missing) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const updated = await run('apt-get', ['update', '-q'], { env });
  const done = await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing.map(known)], { env });
  if (!done.ok) throw new SetupStop(`apt-get did not succeed:\n${updated.ok ? '' : updated.tail}${done.tail}`);
}
