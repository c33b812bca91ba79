// The unprivileged user under whom the window runs where set-up is root: Chromium's sandbox refuses root, and taking
// the sandbox away would make every statement about isolation false.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isRoot, plainUser } from './places.mjs';
import { SetupStop, say } from './say.mjs';

export function ensureUser() {
  if (!isRoot || findUser() !== undefined) return;
  say(`[set-up] making the user ${plainUser}: the window does not run as root`);
  const made = spawnSync('useradd', ['--create-home', '--user-group', '--shell', '/bin/sh', plainUser], {
    encoding: 'utf8',
  });
  // Another set-up may have made it in between.
  if (findUser() === undefined)
    throw new SetupStop(`useradd ${plainUser} did not succeed: ${made.stderr ?? made.error?.message}`);
  // Serial adapters belong to this group on Debian.
  spawnSync('usermod', ['--append', '--groups', 'dialout', plainUser]);
}

/** @returns {{ uid: number, gid: number, home: string } | undefined} */
export function findUser() {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${plainUser}:`));
  if (line === undefined) return undefined;
  const fields = line.split(':');
  return { uid: Number(fields[2]), gid: Number(fields[3]), home: fields[5] };
}
