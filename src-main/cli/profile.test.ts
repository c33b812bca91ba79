import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'benchline-profile-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function benchline(...args: string[]) {
  const done = spawnSync(process.execPath, ['src-main/cli.ts', 'profile', ...args], { encoding: 'utf8' });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

it('checks a device profile, and says the place of what is wrong', { timeout: 60_000 }, () => {
  const sound = benchline('check', 'resources/devices/nordic-nrf91.json');
  expect(sound).toEqual({ code: 0, out: 'nordic-nrf91: Nordic nRF91 modem (AT commands) (x509)\n', err: '' });
  const broken = join(folder, 'broken.json');
  writeFileSync(broken, '{"profileId": "Bad Id"}');
  const refused = benchline('check', broken, '--json');
  expect([refused.code, JSON.parse(refused.out)]).toMatchObject([
    1,
    { ok: false, fault: { code: 'profile-file-malformed' } },
  ]);
  expect(refused.out).toContain('profileId');
  expect(benchline('check').code).toBe(2);
  expect(benchline('paint', 'x').err).toContain('verb-unknown');
  expect(benchline('check', join(folder, 'none.json')).err).toContain('ENOENT');
});

it('drafts one from a transcript, and says what is still to be done', { timeout: 60_000 }, () => {
  const transcript = join(folder, 'session.log');
  writeFileSync(transcript, '$ AT\nOK\n$ AT+CGSN\n352656109480783\nOK\n');
  const drafted = benchline('draft', transcript, '--id', 'my-modem', '--prompt', '$ ');
  expect(drafted.code).toBe(0);
  expect(JSON.parse(drafted.out)).toMatchObject({ profileId: 'my-modem', until: 'OK' });
  const file = join(folder, 'draft.json');
  writeFileSync(file, drafted.out);
  expect(benchline('check', file).code).toBe(0);
});
