import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failed, must, ok } from '../base/result.ts';
import { fillDurable, makeDurable, systemCodeOf, writeDurable } from './durable-file.ts';

let folder = '';
let file = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'durable-'));
  file = join(folder, 'kept.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const text = () => readFile(file, 'utf8');
const rights = async () => (await stat(file)).mode & 0o777;
const refused = { code: 'no', say: 'No.', hint: 'No.' };

describe('a durable file', () => {
  it('replaces what is there, for its owner alone, and leaves no draft', async () => {
    await writeFile(file, 'old', { mode: 0o644 });
    await writeDurable(file, 'new');
    expect([await text(), await rights(), await readdir(folder)]).toEqual(['new', 0o600, ['kept.json']]);
  });

  it('has the rights that were asked for, whatever the mask or a draft of a crash say', async () => {
    const draft = join(folder, '.kept.json.draft');
    await writeFile(draft, 'half of a longer content that a crash left');
    await chmod(draft, 0o400);
    await chmod(draft, 0o666);
    await writeDurable(file, Uint8Array.of(0x68, 0x69), { mode: 0o644 });
    expect([await text(), await rights(), await readdir(folder)]).toEqual(['hi', 0o644, ['kept.json']]);
  });

  it('is left as it was when its place cannot be taken, and the system says why', async () => {
    await mkdir(file);
    const error: unknown = await writeDurable(file, 'new').catch((reason: unknown) => reason);
    expect(systemCodeOf(error)).toBe('EISDIR');
    expect(await readdir(folder)).toEqual(['kept.json']);
    expect(systemCodeOf(new Error('a bug'))).toBeUndefined();
  });

  it('that is made by several has one content, the first', async () => {
    await makeDurable(file, 'first', { isShared: true });
    await makeDurable(file, 'second', { isShared: true });
    expect([await text(), await rights(), await readdir(folder)]).toEqual(['first', 0o600, ['kept.json']]);
  });

  it('that many of one process make or replace at the same time is whole, by one of them, and leaves no draft', async () => {
    const writers = Array.from({ length: 40 }, (_, writer) => String(writer).repeat(2_000));
    await Promise.all(writers.map((content) => makeDurable(file, content)));
    const made = await text();
    expect(writers).toContain(made);
    await Promise.all(writers.map((content) => writeDurable(file, content, { isShared: true })));
    expect(writers).toContain(await text());
    expect(await readdir(folder)).toEqual(['kept.json']);
  });

  it('that is filled appears with its last piece, and not at all after a fault', async () => {
    const fault = await fillDurable(file, async (handle) => {
      await handle.write('half');
      expect(await readdir(folder)).toEqual(['.kept.json.draft']);
      return failed(refused);
    });
    expect([fault.ok, await readdir(folder)]).toEqual([false, []]);
    const filled = await fillDurable(file, async (handle) => {
      await handle.write('whole');
      return ok(5);
    });
    expect([must(filled), await text()]).toEqual([5, 'whole']);
  });
});
