import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tryResultFile, writeResultFile } from './result-file.ts';
import { startVerb } from './start.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'start-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function told(...args: readonly string[]): Promise<readonly [code: number, said: string]> {
  const lines: string[] = [];
  const keep = (text: unknown): void => void lines.push(String(text));
  const code = await startVerb.run(['--headless', ...args], { say: keep, warn: keep, json: keep });
  return [code, lines.join('\n')];
}

describe('a headless start refuses before the job', () => {
  it('a result file that cannot be written', async () => {
    const file = join(folder, 'no', 'result.json');
    const [code, said] = await told('--json', file);
    expect(code).toBe(1);
    expect(said).toBe(
      `The file ${file} cannot be written: ENOENT.\n` +
        'Name a file in a folder that is there and that this user may write to.\n(file-unwritable)',
    );
  });

  it('a word that belongs to no option', async () => {
    const [code, said] = await told('2');
    expect([code, said.includes('word 2 belongs to no option')]).toEqual([2, true]);
  });

  it('a folder for throw-away folders that is not there', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'no'));
    const [code, said] = await told();
    expect([code, said.includes('(data-folder-unusable)')]).toEqual([1, true]);
  });
});

describe('a result file', () => {
  it('is not left behind by the look whether it can be written', async () => {
    const file = join(folder, 'result.json');
    expect(await tryResultFile(file)).toMatchObject({ ok: true });
    expect(existsSync(file)).toBe(false);
  });

  it('that a full disk refuses is a fault', async () => {
    expect(await writeResultFile('/dev/full', {})).toMatchObject({ fault: { code: 'file-unwritable' } });
  });
});
