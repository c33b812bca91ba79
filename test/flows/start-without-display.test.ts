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

describe.skipIf(process.platform !== 'linux')('npm start with an option that is not there', () => {
  it.each(['--headles', '--unit=4'])('names %s, and speaks of no display', (option) => {
    const { code, said } = run(['scripts/run.mjs', 'start', option], ['DISPLAY', 'WAYLAND_DISPLAY']);
    expect(code, said).toBe(2);
    expect(said).toContain(`There is no option ${option.split('=')[0] ?? ''}.`);
    expect(said).not.toContain('display');
  });
});

describe.each(['bench', 'soak'])('npm run %s', (name) => {
  it('prints its page, and refuses in a sentence what it does not know', () => {
    const asked = run([`test/${name}/main.ts`, '--help']);
    expect(asked.code, asked.said).toBe(0);
    expect(asked.said).toContain(`npm run ${name} [-- NAME...]`);
    const wrong = run([`test/${name}/main.ts`, '--frob']);
    expect(wrong.code, wrong.said).toBe(2);
    expect(wrong.said.split('\n')[0]).toBe('There is no option --frob.');
    expect(wrong.said).not.toContain('at ');
  });
});

describe('a program that is started wrongly', () => {
  it.each([
    ['agent', ['--colour', 'red'], 'There is no option --colour.', 'agent-option-unknown'],
    ['agent', ['--port'], '--port needs a value.', 'agent-option-unknown'],
    ['hub', ['--hubs=2', 'stray'], 'The word stray belongs to no option.', 'hub-option-unknown'],
    ['station', ['--data', 'd', '--frob'], 'There is no option --frob.', 'option-unknown'],
    ['station', ['--data', 'd', '--hubs', '99'], 'The option --hubs is not right', 'option-wrong'],
  ] as const)('%s %j says so to a person and ends with 2', (program, words, sentence, fault) => {
    const { code, said } = run(['src-main/cli.ts', program, ...words]);
    expect(code, said).toBe(2);
    const [first, hint, last] = said.trim().split('\n');
    expect(first).toContain(sentence);
    expect(hint).not.toBe('');
    expect(last).toBe(`(${fault})`);
    expect(said).not.toMatch(/[{}]|ERR_|at /);
  });

  it('the service program too', () => {
    const { code, said } = run(['src-main/service/main.ts', '--frob', 'x']);
    expect([code, said]).toEqual([
      2,
      'There is no option --frob.\nSee: benchline service --help\n(service-option-unknown)\n',
    ]);
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
