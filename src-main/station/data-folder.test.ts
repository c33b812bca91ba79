import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from './data-folder.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-folder-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a data folder', () => {
  it('is made with those above it, and taken as it is when it is there', async () => {
    const deep = join(folder, 'a', 'b');
    expect([await makeFolder(deep), await makeFolder(deep)]).toMatchObject([{ ok: true }, { ok: true }]);
  });

  it('that is a file, or lies below one, is a fault that says so', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await makeFolder(file)).toMatchObject({
      fault: { code: 'data-folder-unusable', say: `The folder ${file} cannot be used: there is a file of that name.` },
    });
    expect(await makeFolder(join(file, 'below'))).toMatchObject({
      fault: { detail: { reason: 'it lies below a file' } },
    });
  });
});
