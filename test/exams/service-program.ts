/** The provisioning service with its hubs as its users start it, on loopback addresses of its own. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createServiceClient } from '../../src-main/lib/dps/service-client.ts';
import type { ServiceClient } from '../../src-main/lib/dps/service-client.ts';
import { parts } from './agent-program.ts';

export interface ServiceReady {
  readonly idScope: string;
  readonly deviceHost: string;
  readonly ports: { readonly https: number; readonly mqtts: number };
  readonly serviceConnectionString: string;
  readonly caFile: string;
  readonly hubs: readonly { readonly hostName: string }[];
}

export interface ServiceProgram {
  readonly ready: ServiceReady;
  readonly caPem: string;
  readonly client: ServiceClient;
  end(): Promise<void>;
}

const startLimitMs = 90_000;

/** @param base three numbers of a loopback address, claimed by the caller */
export async function startServiceProgram(folder: string, base: string): Promise<ServiceProgram> {
  const readyFile = join(folder, 'service-ready.json');
  const words = ['--data', join(folder, 'service'), '--ready-file', readyFile, '--hubs', '2', '--retry-after', '1'];
  const place = ['--listen', `${base}.1`, '--https', '18443', '--mqtts', '18883', '--amqps', '15671'];
  const child = spawn(process.execPath, ['src-main/cli.ts', 'service', ...words, ...place], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  const untilMs = systemClock.monotonicMs() + startLimitMs;
  for (;;) {
    const text = await readFile(readyFile, 'utf8').catch(() => undefined);
    if (text !== undefined) {
      const ready = JSON.parse(text) as ServiceReady;
      const caPem = await readFile(ready.caFile, 'utf8');
      const connection = must(parseConnectionString(ready.serviceConnectionString));
      const client = createServiceClient({ connection, caPem }, parts);
      const end = (): Promise<void> => {
        client.close();
        child.kill('SIGTERM');
        return ended;
      };
      return { ready, caPem, client, end };
    }
    if (child.exitCode !== null || systemClock.monotonicMs() > untilMs) {
      child.kill('SIGKILL');
      throw new Error(`the service did not become ready: ${said.join('')}`);
    }
    await sleep(systemClock, 50);
  }
}
