import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLogFile } from './log-file.ts';

describe('the log file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'benchline-log-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps what earlier starts wrote', () => {
    openLogFile(folder).write('first start');
    const log = openLogFile(folder);
    log.write('second start');
    expect(readFileSync(log.path, 'utf8')).toBe('first start\nsecond start\n');
  });

  it('is for its own user alone', () => {
    expect(statSync(openLogFile(folder).path).mode & 0o777).toBe(0o600);
  });

  it('begins anew when it is full, and keeps the one before', () => {
    const log = openLogFile(folder, 10);
    for (const line of ['one to fill it', 'two', 'three']) log.write(line);
    expect(readFileSync(`${log.path}.1`, 'utf8')).toBe('one to fill it\n');
    expect(readFileSync(log.path, 'utf8')).toBe('two\nthree\n');
  });

  it('cuts a line that is longer than any of ours', () => {
    const log = openLogFile(folder);
    log.write('x'.repeat(30_000));
    expect(readFileSync(log.path, 'utf8')).toHaveLength(20_001);
  });
});

it.skipIf(process.platform !== 'linux')('a full disk takes lines, and nothing throws', () => {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-log-'));
  symlinkSync('/dev/full', join(folder, 'benchline.log'));
  const log = openLogFile(folder);
  expect(() => {
    log.write('a line');
  }).not.toThrow();
  rmSync(folder, { recursive: true });
});
