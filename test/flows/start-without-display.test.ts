/** What a user sees who starts a program where it cannot run, or asks what it takes. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

function run(words: readonly string[], without: readonly string[] = []) {
  const kept = Object.entries(process.env).filter(([name]) => !without.includes(name));
  const limits = { timeout: 60_000, encoding: 'utf8' } as const;
  const ended = spawnSync(process.execPath, words, { ...limits, cwd: root, env: Object.fromEntries(kept) });
  return { code: ended.status, said: ended.stdout + ended.stderr };
}

describe.skipIf(process.platform !== 'linux')('npm start where there is no display', () => {
  it('ends with 2 and names the way that needs no window', () => {
    const { code, said } = run(['scripts/run.mjs', 'start'], ['DISPLAY', 'WAYLAND_DISPLAY']);
    expect(code, said).toBe(2);
    expect(said).toContain('no display');
    expect(said).toContain('npm start -- --headless');
  });
});

describe('a program that is asked for help', () => {
  it.each([
    ['agent', '--serial-number'],
    ['station', '--connection-string-file'],
    ['hub', '--host-names'],
    ['service', '--retry-after'],
    ['start', '--headless'],
  ])('%s prints its options and ends well', (program, option) => {
    const { code, said } = run(['src-main/cli.ts', program, '--help']);
    expect(code, said).toBe(0);
    expect(said).toContain(option);
  });
});
