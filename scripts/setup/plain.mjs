// Running the window as an unprivileged user where we are root: as whom, from which folder, with which environment.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { sourceMark } from './build.mjs';
import { cachePath, isRoot, plainUser, root, sha256 } from './places.mjs';
import { SetupStop, say } from './say.mjs';
import { findUser } from './user.mjs';

/** The words before a command that make it run as the plain user; none where we are not root. */
export function asPlainUser() {
  if (!isRoot) return [];
  return ['setpriv', `--reuid=${plainUser}`, `--regid=${plainUser}`, '--init-groups', '--'];
}

export function plainEnvironment(env) {
  const user = isRoot ? findUser() : undefined;
  if (user === undefined) return env;
  const kept = Object.entries(env).filter(([name]) => !/^(XDG_|DBUS_|SUDO_|npm_)/.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: user.home,
    USER: plainUser,
    LOGNAME: plainUser,
    ...(env.XAUTHORITY === undefined ? {} : { XAUTHORITY: lendXauthority(env.XAUTHORITY, user) }),
  };
}

/** The display's key belongs to root; the plain user gets a copy that is its own. */
function lendXauthority(file, user) {
  const copy = join(user.home, '.benchline-xauthority');
  // Inherited from a window that is open already, it is the copy itself: to remove it would lock that window out.
  if (!existsSync(file) || resolve(file) === copy) return file;
  rmSync(copy, { force: true });
  copyFileSync(file, copy);
  chownSync(copy, user.uid, user.gid);
  chmodSync(copy, 0o600);
  return copy;
}

/** A data folder named by root becomes the plain user's, unless somebody else has put things there. */
export function lendFolder(folder) {
  const user = isRoot ? findUser() : undefined;
  if (user === undefined) return;
  const path = resolve(folder);
  mkdirSync(path, { recursive: true });
  if (statSync(path).uid === user.uid) return;
  if (readdirSync(path).length > 0) {
    throw new SetupStop(
      `The window runs as the user ${plainUser}, who may not write to ${path}. Run this, then try again:\n  chown -R ${plainUser}: ${path}`,
    );
  }
  chownSync(path, user.uid, user.gid);
  chmodSync(path, 0o700);
}

function plainUserReads(path) {
  const [command, ...args] = [...asPlainUser(), 'test', '-r', path];
  return spawnSync(command, args).status === 0;
}

/** The runtime where the plain user can run it: as it is, or a copy of a real one that lies in a closed checkout. */
export function readableRuntime(electron) {
  if (!isRoot || plainUserReads(electron.binary)) return electron;
  const folder = cachePath(`electron-${electron.version}-${electron.kind}`);
  if (!existsSync(folder)) {
    const work = `${folder}.${process.pid}`;
    rmSync(work, { recursive: true, force: true });
    cpSync(electron.folder, work, { recursive: true, verbatimSymlinks: true });
    spawnSync('chmod', ['-R', 'a+rX', work]);
    renameSync(work, folder);
  }
  return { ...electron, folder, binary: join(folder, basename(electron.binary)) };
}

/** The folder the app is started from: the checkout, or a copy of what runs where the plain user cannot read it. */
export function appHome() {
  const asked = ['package.json', 'out/main', 'node_modules/zod/package.json'].map((path) => join(root, path));
  if (!isRoot || asked.every(plainUserReads)) return root;
  const home = cachePath(`app-${sha256(root).slice(0, 12)}`);
  const mark = `${sourceMark()} ${sha256(readFileSync(join(root, 'package-lock.json')))}`;
  const markFile = join(home, '.mark');
  if (existsSync(markFile) && readFileSync(markFile, 'utf8') === mark) return home;
  say(`[set-up] ${root} is closed to the user ${plainUser}; copying what runs to ${home}`);
  const work = `${home}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  for (const part of ['package.json', 'out', 'resources', ...runtimePackages()]) copyReadable(part, work);
  spawnSync('chmod', ['-R', 'a+rX,go-w', work]);
  writeFileSync(join(work, '.mark'), mark);
  rmSync(home, { recursive: true, force: true });
  renameSync(work, home);
  return home;
}

function copyReadable(part, work) {
  mkdirSync(dirname(join(work, part)), { recursive: true, mode: 0o755 });
  cpSync(join(root, part), join(work, part), { recursive: true, verbatimSymlinks: true });
}

/** What the lockfile does not mark as needed for development only; the Node of the tests is not needed either. */
function runtimePackages() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages)
    .filter(
      ([path, entry]) =>
        /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && entry.dev !== true && !/\/node-linux-/.test(path),
    )
    .map(([path]) => path)
    .filter((path) => existsSync(join(root, path)));
}
