import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBoundedFile } from './bounded-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bounded-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a file of bounded size', () => {
  it('is read whole up to its bound, and not at all beyond it', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'four');
    expect(await readBoundedFile(file, 4)).toEqual({ ok: true, bytes: new Uint8Array(Buffer.from('four')) });
    expect(await readBoundedFile(file, 3)).toEqual({ ok: false, reason: 'it is too large' });
  });

  it('is no device, no pipe and no folder', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const file of ['/dev/zero', pipe, folder]) {
      expect(await readBoundedFile(file, 10)).toEqual({ ok: false, reason: 'it is not a regular file' });
    }
  });

  it('that is missing is told by the code of the system', async () => {
    expect(await readBoundedFile(join(folder, 'no'), 10)).toEqual({ ok: false, reason: 'ENOENT' });
  });
});
