/** One data folder, one station: claimed by real processes, and free again however they end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { claimFolder } from '../../src-main/station/folder-claim.ts';
import { type StationClient, startStation } from '../../src-main/cli/station-client.ts';

const source = join(import.meta.dirname, '../../src-main');
let folder = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-claim-'));
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** A process that claims the folder, says so and stays. */
async function holder(): Promise<ChildProcess> {
  const program = `
    import { claimFolder } from '${source}/station/folder-claim.ts';
    import { systemClock } from '${source}/lib/base/host.ts';
    const claim = await claimFolder(process.argv[1], systemClock, 0);
    process.send(claim.ok ? 'claimed' : claim.fault.code);
    setInterval(() => claim, 60_000);`;
  const words = ['--input-type=module-typescript', '-e', program, folder];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(child);
  const [said] = (await once(child, 'message')) as unknown[];
  expect(said).toBe('claimed');
  return child;
}

async function codeOfClaim(): Promise<string | undefined> {
  const claim = await claimFolder(folder, systemClock, 0);
  if (!claim.ok) return claim.fault.code;
  claim.value.release();
  return undefined;
}

describe('the claim on a data folder', () => {
  it('is refused while another process holds it, and taken at once when that one was killed', async () => {
    const child = await holder();
    expect(await codeOfClaim()).toBe('data-folder-in-use');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await codeOfClaim()).toBeUndefined();
  });

  it('waits for a station that is still closing', async () => {
    const child = await holder();
    const waiting = claimFolder(folder, systemClock, 20_000);
    child.kill('SIGKILL');
    const claim = await waiting;
    expect(claim.ok).toBe(true);
    must(claim).release();
  });

  it('is free again after its release, and kept apart for each folder', async () => {
    const other = join(folder, 'other');
    mkdirSync(other);
    const here = must(await claimFolder(folder, systemClock, 0));
    const there = must(await claimFolder(other, systemClock, 0));
    expect(await codeOfClaim()).toBe('data-folder-in-use');
    here.release();
    expect(await codeOfClaim()).toBeUndefined();
    there.release();
  });
});

describe('two station programs on one data folder', () => {
  const lines: string[] = [];
  const run = (): StationClient =>
    startStation({
      command: process.execPath,
      args: [join(source, 'station/main.ts'), '--data', folder, '--connection-string', unreachable, ...elsewhere],
      onLine: (line) => void lines.push(line),
    });
  const unreachable = 'HostName=127.0.0.1:9;SharedAccessKeyName=a;SharedAccessKey=YQ==';
  const elsewhere = ['--id-scope', '0ne00000000', '--endpoint', '127.0.0.1:9'];

  it('the second ends with data-folder-in-use and leaves the first at work; a killed one does not block', async () => {
    const first = run();
    must(await first.call('station.get', {}));
    expect(await run().ended).toBe(1);
    expect(lines.join('\n')).toContain('"code":"data-folder-in-use"');
    expect(lines.join('\n')).toContain('secret-in-plain-sight');
    expect(lines.join('\n')).not.toContain('YQ==');
    must(await first.call('station.get', {}));
    process.kill(first.pid ?? 0, 'SIGKILL');
    await first.ended;
    const next = run();
    must(await next.call('station.get', {}));
    await next.stop();
  });
});
