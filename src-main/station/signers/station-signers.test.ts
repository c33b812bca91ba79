import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../lib/base/host.ts';
import { must } from '../../lib/base/result.ts';
import { openStationSigners } from './station-signers.ts';

const workerEntry = new URL('./pkcs12-worker-main.ts', import.meta.url);
const parts = { clock: systemClock, random: systemRandom, workerEntry };
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const opened = async () => must(await openStationSigners(folder, parts));

describe('the signers of a station', () => {
  it('are the same at the next start, and lie in files for their owner alone', async () => {
    const first = (await opened()).list();
    expect((await opened()).list()).toEqual(first);
    const names = (await readdir(folder)).sort();
    expect(names).toEqual(['demonstration.passphrase', 'intermediate.p12', 'root.p12']);
    const modes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mode & 0o777));
    expect(new Set(modes)).toEqual(new Set([0o600]));
  });

  it('open after a crash left an empty passphrase file', async () => {
    await writeFile(join(folder, 'demonstration.passphrase'), '');
    expect((await opened()).list()).toHaveLength(1);
    expect((await readFile(join(folder, 'demonstration.passphrase'), 'utf8')).trim()).toHaveLength(32);
  });

  it('name the folder as the trouble when the passphrase cannot be read', async () => {
    await mkdir(join(folder, 'demonstration.passphrase'));
    const refused = await openStationSigners(folder, parts);
    expect(refused).toMatchObject({ fault: { code: 'signer-folder-unusable', detail: { reason: 'EISDIR' } } });
  });
});
