/** What a user sees who starts a program where it cannot run, stops it at once, or asks what it takes. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

describe('a headless start that is stopped', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('by %s says so and leaves no throw-away folder', async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), 'stopped-start-'));
    const words = ['src-main/cli.ts', 'start', '--headless', '--units', '1', '--tpm', 'software'];
    const child = spawn(process.execPath, words, { cwd: root, env: { ...process.env, TMPDIR: folder } });
    let said = '';
    const code = await new Promise((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (piece: Buffer) => {
          const isFirst = said === '';
          said += piece.toString();
          if (isFirst) child.kill(signal);
        });
      }
      child.once('close', resolve);
    });
    const left = readdirSync(folder).filter((name) => /^benchline-\w{6}$/.test(name));
    rmSync(folder, { recursive: true });
    expect([code, left], said).toEqual([1, []]);
    expect(said).toContain('starting the service, its hubs and 1 virtual unit\n');
    expect(said).toContain('Stopped before the job was done.');
  });
});
