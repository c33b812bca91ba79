/** A service whose disk gives no more room, whose ready file has no place, or whose terminal is closed. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { claimLoopbackBlock, type LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { until } from '../flows/service-bed.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'src-main/service/main.ts');
let folder = '';
let block: LoopbackBlock;
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-disk-'));
  block = must(claimLoopbackBlock());
});
afterEach(() => {
  child?.kill('SIGKILL');
  child = undefined;
  block.release();
  rmSync(folder, { recursive: true });
});

const words = (readyFile = join(folder, 'ready.json')): readonly string[] => [
  ...['--data', join(folder, 'data'), '--listen', `${block.base}.1`, '--ready-file', readyFile],
  ...['--https', '8443', '--mqtts', '8883', '--amqps', '5671', '--tls-key', 'p256'],
];

interface Ready {
  readonly serviceConnectionString: string;
  readonly caFile: string;
}

const readyNow = async (): Promise<Ready> =>
  until(() => {
    if (child?.exitCode !== null && child !== undefined) throw new Error('the service ended before it was ready');
    try {
      return Promise.resolve(JSON.parse(readFileSync(join(folder, 'ready.json'), 'utf8')) as Ready);
    } catch {
      return Promise.resolve(undefined);
    }
  }, 'the service is ready');

describe('a service without room on its disk', () => {
  // of 512 bytes in one shell, of 1,024 in another; Node takes the signal of it for a failed write
  const fileBlocks = 600;

  it('answers 503 without a path, and its log says why under the id that was answered', async () => {
    const command = `ulimit -f ${fileBlocks} && exec "$@"`;
    const args = ['-c', command, 'sh', process.execPath, main, ...words()];
    child = spawn('sh', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr?.on('data', (text: Buffer) => (log += String(text)));
    const ready = await readyNow();
    const connection = must(parseConnectionString(ready.serviceConnectionString));
    const parts = { clock: systemClock, random: systemRandom };
    const caller = createSignedCaller({ connection, caPem: readFileSync(ready.caFile, 'utf8') }, parts);
    const attestation = { type: 'symmetricKey' };
    const filling = ['a', 'b', 'c', 'd'].map((name) => [name, 'x'.repeat(4_000)] as const);
    const initialTwin = { properties: { desired: Object.fromEntries(filling) } };
    let refused:
      { readonly code: string; readonly say: string; readonly detail?: { readonly trackingId?: unknown } } | undefined;
    for (let at = 0; at < 200 && refused === undefined; at += 1) {
      const path = `/enrollments/unit-${at}?api-version=2021-10-01`;
      const put = await caller.call({ method: 'PUT', path, json: { attestation, initialTwin } });
      if (!put.ok) refused = put.fault;
    }
    caller.close();
    expect(refused).toMatchObject({ detail: { status: 503, message: 'The service cannot keep its records' } });
    expect(JSON.stringify(refused)).not.toContain(folder);
    const line = await until(() => Promise.resolve(/^.*"event":"call-failed".*$/m.exec(log)?.[0]), 'the log tells');
    const told = JSON.parse(line) as Record<string, unknown>;
    expect(told).toMatchObject({ level: 'error', program: 'service', errorCode: 503_001 });
    expect(told['trackingId']).toMatch(/^[0-9a-f-]{36}$/);
    expect(told['trackingId']).toBe(refused?.detail?.trackingId);
    expect(told['reason']).toContain('The service cannot keep its records: ');
    // what was there before is served on
    expect(child.exitCode).toBeNull();
  }, 60_000);
});

describe('a service whose ready file has no place', () => {
  it('says so in a sentence and ends with 1', () => {
    writeFileSync(join(folder, 'file'), '');
    const file = join(folder, 'file/ready.json');
    const ended = spawnSync(process.execPath, [main, ...words(file)], { encoding: 'utf8', timeout: 60_000 });
    const said = ended.stderr.trim().split('\n').slice(-3);
    expect(ended.status, ended.stderr).toBe(1);
    expect(said[0]).toMatch(/^The ready file .*file\/ready\.json cannot be written \((ENOTDIR|EEXIST)\)\.$/);
    expect(said[2]).toBe('(ready-file-unwritable)');
    expect(ended.stderr).not.toMatch(/^\s+at /m);
  }, 60_000);
});

describe.skipIf(spawnSync('script', ['--version']).status !== 0)('a service whose terminal is closed', () => {
  it('stops as if it were told to, and takes its ready file away', async () => {
    const quoted = [process.execPath, main, ...words()].map((word) => `'${word}'`).join(' ');
    const command = `sh -c 'echo $$ > "$0"; exec "$@"' '${join(folder, 'pid')}' ${quoted}`;
    // its own terminal, as a person's: standard input, output and error
    child = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
    let printed = '';
    child.stdout?.on('data', (text: Buffer) => (printed += String(text)));
    await readyNow();
    const code = new Promise((resolve) => child?.once('exit', resolve));
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGHUP');
    expect(await code, printed).toBe(0);
    expect(printed).toContain('service-stopped');
    expect(() => readFileSync(join(folder, 'ready.json'))).toThrow('ENOENT');
  }, 60_000);
});
