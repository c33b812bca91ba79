/** Device profiles as files: those of a station's own, and the one that somebody checks. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fromUtf8 } from '../lib/base/bytes.ts';
import { faultMaker } from '../lib/base/fault.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { readBoundedFile } from '../lib/files/bounded-file.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import { type ConsoleProfile, checkProfile } from './drivers/console/profile.ts';

const fileFault = faultMaker({
  'profile-file-unreadable': {
    say: 'The device profile {file} cannot be read: {reason}.',
    hint: 'Check its name, its rights and that it is JSON text.',
  },
  'profile-file-malformed': {
    say: 'The device profile {file} cannot be used: {path}: {reason}.',
    hint: 'Correct that place; docs/drivers.md tells what each member means.',
  },
  'profile-files-many': { say: 'The folder {folder} holds too many device profiles.', hint: 'Keep at most {most}.' },
});

/** The largest shipped profile has 5 kB. */
const maxProfileBytes = 262_144;
/** The contract shows 200; a line makes a handful of kinds. */
const maxProfiles = 100;

export async function readText(file: string): Promise<Result<string>> {
  const read = await readBoundedFile(file, maxProfileBytes);
  if (!read.ok) return failed(fileFault('profile-file-unreadable', { file, reason: read.reason }));
  const text = fromUtf8(read.bytes);
  return text === undefined
    ? failed(fileFault('profile-file-unreadable', { file, reason: 'it is no text' }))
    : ok(text);
}

export async function readProfile(file: string): Promise<Result<ConsoleProfile>> {
  const text = await readText(file);
  if (!text.ok) return text;
  let data: unknown;
  try {
    data = JSON.parse(text.value);
  } catch {
    return failed(fileFault('profile-file-unreadable', { file, reason: 'it is not JSON' }));
  }
  const checked = checkProfile(data);
  if (checked.ok) return checked;
  const { path = '', reason = checked.fault.say } = checked.fault.detail ?? {};
  return failed(fileFault('profile-file-malformed', { file, path, reason }));
}

/** All of them, or the first that is wrong: a profile left out in silence would be missed at the worst moment. */
export async function readProfiles(folder: string): Promise<Result<readonly ConsoleProfile[]>> {
  let names: readonly string[];
  try {
    names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === 'ENOENT') return ok([]);
    return failed(fileFault('profile-file-unreadable', { file: folder, reason: reason ?? 'unknown' }));
  }
  if (names.length > maxProfiles) return failed(fileFault('profile-files-many', { folder, most: maxProfiles }));
  const profiles: ConsoleProfile[] = [];
  for (const name of names) {
    const read = await readProfile(join(folder, name));
    if (!read.ok) return read;
    profiles.push(read.value);
  }
  return ok(profiles);
}
