import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/base/host.ts';
import { must } from '../lib/base/result.ts';
import { removeReadyFile, writeReadyFile } from '../lib/process/ready-file.ts';
import { claimFile } from '../lib/sqlite/file-claim.ts';
import { serviceVerb } from './service.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'service-run-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function told(...args: readonly string[]): Promise<readonly [code: number, said: string]> {
  const lines: string[] = [];
  const keep = (text: unknown): void => void lines.push(String(text));
  const code = await serviceVerb.run(['--data', folder, ...args], { say: keep, warn: keep, json: keep });
  return [code, lines.join('\n')];
}

describe('a service that cannot be started', () => {
  it('on the folder of another one leaves that one and its ready file alone', async () => {
    const claim = must(await claimFile(join(folder, 'lock.db'), { clock: systemClock, limitMs: 0 }));
    writeFileSync(join(folder, 'ready.json'), 'of the first');
    expect(await told()).toEqual([
      1,
      `Another service already works on the folder ${folder}.\n` +
        'Stop it, or start with another --data folder.\n(data-folder-in-use)',
    ]);
    expect(readFileSync(join(folder, 'ready.json'), 'utf8')).toBe('of the first');
    claim.release();
  }, 20_000);

  it('names the ready file that it cannot write', async () => {
    const file = join(folder, 'directory');
    mkdirSync(file);
    const [code, said] = await told('--ready-file', file);
    expect([code, said.split('\n')[0]]).toEqual([1, `The file ${file} cannot be written: it is a folder.`]);
  });
});

describe('a ready file', () => {
  it('is removed by its writer alone', async () => {
    const file = join(folder, 'ready.json');
    await writeReadyFile(file, { of: 'another' });
    await removeReadyFile(file, { of: 'mine' });
    expect(readFileSync(file, 'utf8')).toContain('another');
    await removeReadyFile(file, { of: 'another' });
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });
});
