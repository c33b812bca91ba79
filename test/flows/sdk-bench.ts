/** The real service with its hubs, started as a user starts it, and child processes in which unmodified SDKs run. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { claimLoopbackBlock, type LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';

export interface ServiceReady {
  readonly idScope: string;
  readonly deviceHost: string;
  readonly ports: { readonly https: number; readonly mqtts: number; readonly amqps: number };
  readonly serviceConnectionString: string;
  readonly caFile: string;
  readonly hubs: readonly { readonly hostName: string; readonly address: string; readonly connectionString: string }[];
}

export interface ServiceBench {
  readonly folder: string;
  readonly readyFile: string;
  readonly ready: ServiceReady;
  /** Of `benchline service` itself. */
  readonly pid: number;
  /** Everything it has printed so far. */
  printed(): string;
  /** Stops it and starts it again on the same data. */
  restart(): Promise<void>;
  /** Sends a signal and waits for its end; gives its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Another verb of `benchline service`, asked of this one. */
  ask(...words: readonly string[]): Promise<{ readonly code: number; readonly text: string }>;
  /** Runs a client in a process of its own that trusts the service's CA; gives what it printed as JSON. */
  client(file: URL, job: object): Promise<unknown>;
  close(): Promise<void>;
}

const cli = join(import.meta.dirname, '../../src-main/cli.ts');
const readyLimitMs = 90_000;
const clientLimitMs = 60_000;

export async function openServiceBench(): Promise<ServiceBench> {
  const block = must(claimLoopbackBlock());
  const folder = mkdtempSync(join(tmpdir(), 'sdk-flow-'));
  const readyFile = join(folder, 'ready.json');
  let running = await start(folder, readyFile, block);
  const bench: ServiceBench = {
    folder,
    readyFile,
    get ready() {
      return running.ready;
    },
    get pid() {
      return running.child.pid!;
    },
    printed: () => running.printed(),
    async restart() {
      await bench.end('SIGTERM');
      running = await start(folder, readyFile, block);
    },
    end: (signal) => ended(running.child, signal),
    async ask(...words) {
      const args = [cli, 'service', ...words, '--ready-file', readyFile];
      const child = promisify(execFile)(process.execPath, args, { timeout: clientLimitMs });
      return child.then(
        ({ stdout }) => ({ code: 0, text: stdout }),
        (error: unknown) => {
          const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
          return { code, text: stdout + stderr };
        },
      );
    },
    async client(file, job) {
      const jobFile = join(folder, 'job.json');
      writeFileSync(jobFile, JSON.stringify(job), { mode: 0o600 });
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: running.ready.caFile, NODE_NO_WARNINGS: '1' };
      const args = [fileURLToPath(file), jobFile];
      const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: clientLimitMs });
      return JSON.parse(stdout) as unknown;
    },
    async close() {
      await bench.end('SIGTERM');
      block.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return bench;
}

interface Running {
  readonly child: ChildProcess;
  readonly ready: ServiceReady;
  printed(): string;
}

async function start(folder: string, readyFile: string, block: LoopbackBlock): Promise<Running> {
  // a killed run leaves its file behind: only this start may be taken for ready
  rmSync(readyFile, { force: true });
  const options = ['--data', join(folder, 'data'), '--ready-file', readyFile, '--listen', `${block.base}.1`];
  const child = spawn(process.execPath, [cli, 'service', ...options, '--hubs', '2', '--retry-after', '1'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const untilMs = systemClock.monotonicMs() + readyLimitMs;
  for (;;) {
    const ready = readReady(readyFile);
    if (ready !== undefined) {
      if (ready.ports.https === 443) return { child, ready, printed: () => text };
      child.kill('SIGTERM');
      // the SDKs have these ports built in: without them there is nothing to witness
      throw new Error(`ports 443, 8883 and 5671 of ${ready.deviceHost} cannot be bound by this user: ${text}`);
    }
    const over = systemClock.monotonicMs() > untilMs;
    if (child.exitCode !== null || over) throw new Error(`the service did not become ready: ${text}`);
    await sleep(systemClock, 50);
  }
}

function readReady(file: string): ServiceReady | undefined {
  try {
    const mode = statSync(file).mode & 0o777;
    if (mode !== 0o600) throw new Error(`the ready file has mode ${mode.toString(8)}`);
    return JSON.parse(readFileSync(file, 'utf8')) as ServiceReady;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      resolve(code);
    });
    child.kill(signal);
  });
}
