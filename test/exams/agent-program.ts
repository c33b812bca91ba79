/** An agent as its users start it: a process of its own, and a link client on its port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { createLinkClient } from '../../src-main/lib/link/index.ts';
import type { DeviceState, DeviceStatus, LinkClient } from '../../src-main/lib/link/index.ts';
import { openSerialPort, openTcpStream } from '../../src-main/lib/serial/index.ts';

export const parts = { clock: systemClock, random: systemRandom, log: silentLog };

export interface AgentProgram {
  readonly port: string;
  readonly pid: number;
  /** What it wrote to its log, line by line. */
  readonly log: readonly string[];
  client(): Promise<LinkClient>;
  /** Resolves when this event stands in its log so many times. */
  logged(event: string, times?: number): Promise<void>;
  /** Exit code, or the signal that ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null>;
  readonly ended: Promise<number | string | null>;
}

const startLimitMs = 30_000;

/** Starts `node src-main/agent/main.ts` and waits for its ready file. */
export async function startAgentProgram(state: string, ...words: readonly string[]): Promise<AgentProgram> {
  const readyFile = join(state, 'ready.json');
  rmSync(readyFile, { force: true });
  const args = ['--state', state, '--serial-number', 'SN-0001', '--ready-file', readyFile, ...words];
  const child = spawn(process.execPath, ['src-main/agent/main.ts', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const log: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(...text.split('\n').filter(Boolean)));
  const ended = new Promise<number | string | null>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(code ?? signal);
    });
  });
  const ready = await readyOf(readyFile, child, log);
  const open = async (): Promise<LinkClient> => {
    const tcp = /^tcp:(.+):(\d+)$/.exec(ready.port);
    const stream = must(
      tcp === null
        ? await openSerialPort({ path: ready.port }, parts)
        : await openTcpStream({ host: tcp[1] ?? '', port: Number(tcp[2]) }, systemClock),
    );
    const client = createLinkClient(stream, parts);
    must(await client.connect());
    return client;
  };
  return {
    ...ready,
    log,
    logged: async (event, times = 1) => {
      const untilMs = systemClock.monotonicMs() + startLimitMs;
      while (log.filter((line) => line.includes(`"${event}"`)).length < times) {
        if (systemClock.monotonicMs() > untilMs) throw new Error(`not logged: ${event}\n${log.join('\n')}`);
        await sleep(systemClock, 20);
      }
    },
    client: open,
    ended,
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

async function readyOf(file: string, child: ChildProcess, log: readonly string[]) {
  const untilMs = systemClock.monotonicMs() + startLimitMs;
  while (systemClock.monotonicMs() < untilMs && child.exitCode === null) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) return JSON.parse(text) as { port: string; serialNumber: string; pid: number };
    await sleep(systemClock, 20);
  }
  child.kill('SIGKILL');
  throw new Error(`the agent did not become ready: ${log.join('\n')}`);
}

/** Asks until the unit is in this state, or throws with where it stands. */
export async function awaitState(client: LinkClient, state: DeviceState, limitMs = 30_000): Promise<DeviceStatus> {
  const untilMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    const status = must(await client.status());
    if (status.state === state) return status;
    if (systemClock.monotonicMs() > untilMs) throw new Error(`still ${JSON.stringify(status)}`);
    await sleep(systemClock, 100);
  }
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'benchline-agent-'));
}
