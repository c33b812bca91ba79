import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSecretLines } from './secret-lines.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-secret-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function fileWith(text: string): string {
  const file = join(folder, 'secret');
  writeFileSync(file, text);
  return file;
}

describe('a secret by file', () => {
  it('is its lines, whatever ends them', async () => {
    const read = await readSecretLines('--x', fileWith('HostName=a;Key=b==\r\n\n  HostName=c\n'));
    expect(read).toEqual({ ok: true, value: ['HostName=a;Key=b==', 'HostName=c'] });
  });

  it('comes from standard input for -', async () => {
    const input = Readable.from([Buffer.from('HostName='), Buffer.from('a\n')]);
    expect(await readSecretLines('--x', '-', input)).toEqual({ ok: true, value: ['HostName=a'] });
  });

  it.each([
    ['a missing file', () => join(folder, 'none'), 'ENOENT'],
    ['an empty file', () => fileWith('\n'), 'it is empty'],
    ['a file that is no list of secrets', () => fileWith('x'.repeat(100_001)), 'it is too large'],
  ])('refuses %s', async (_, file, reason) => {
    expect(await readSecretLines('--x', file())).toMatchObject({
      ok: false,
      fault: { code: 'secret-unreadable', detail: { reason } },
    });
  });
});
