/** A hub of another authority: refused with what helps, linked once its root is named. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { claimLoopbackBlock, type LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';

const cli = join(import.meta.dirname, '../../src-main/cli.ts');
const ports = ['--https', '8443', '--mqtts', '8883', '--amqps', '5671', '--tls-key', 'p256'];

let folder: string;
let block: LoopbackBlock;
let hubHost = '';
const programs: ChildProcess[] = [];

async function start(readyFile: string, args: readonly string[]): Promise<ChildProcess> {
  const program = spawn(process.execPath, [cli, ...args, '--ready-file', readyFile], { stdio: 'ignore' });
  programs.push(program);
  await vi.waitFor(() => expect(existsSync(readyFile)).toBe(true), { timeout: 60_000, interval: 50 });
  return program;
}

async function stop(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return;
  const ended = new Promise((resolve) => program.once('exit', resolve));
  program.kill('SIGTERM');
  await ended;
}

function startService(...more: readonly string[]): Promise<ChildProcess> {
  const place = ['--data', join(folder, 'ours'), '--listen', `${block.base}.1`, '--hubs', '1', ...ports];
  return start(join(folder, 'ready.json'), ['service', ...place, ...more]);
}

/** What the service's command said, and how it ended. */
function ask(...words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  const args = [cli, 'service', ...words, '--ready-file', join(folder, 'ready.json')];
  return new Promise((resolve) => {
    const asked = execFile(process.execPath, args, (_error, stdout, stderr) => {
      resolve({ code: asked.exitCode ?? -1, said: stdout + stderr });
    });
  });
}

const linkIt = () => ask('link-hub', '--connection-string-file', join(folder, 'hub.txt'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hub-trust-'));
  block = must(claimLoopbackBlock());
  const place = ['--data', join(folder, 'theirs'), '--tls-dir', join(folder, 'their-tls'), '--hubs', '1'];
  const readyFile = join(folder, 'hub.json');
  await start(readyFile, ['hub', ...place, '--listen', `${block.base}.31`, ...ports]);
  const [hub] = JSON.parse(readFileSync(readyFile, 'utf8')) as { hostName: string; connectionString: string }[];
  hubHost = hub?.hostName ?? '';
  writeFileSync(join(folder, 'hub.txt'), hub?.connectionString ?? '');
});

afterAll(async () => {
  for (const program of programs) await stop(program);
  block.release();
  rmSync(folder, { recursive: true, force: true });
});

it('a hub of another authority is linked when the service was given its root, and told of before', async () => {
  const doubting = await startService();
  const refused = await linkIt();
  expect(refused.code).not.toBe(0);
  expect(refused.said).toContain(`The hub ${hubHost} cannot be linked`);
  expect(refused.said).toContain('--hub-ca-file FILE');
  await stop(doubting);

  await startService('--hub-ca-file', join(folder, 'their-tls', 'ca.pem'));
  expect(await linkIt()).toMatchObject({ code: 0 });
  expect((await ask('hubs')).said).toContain(hubHost);
});
