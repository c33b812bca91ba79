/** A real service program with real hubs behind it, on loopback addresses of its own, and what a test needs to ask it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString, type ConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createControlClient } from '../../src-main/lib/dps/control-client.ts';
import { createDeviceClient } from '../../src-main/lib/dps/device-client.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import type { HttpsCall } from '../../src-main/lib/dps/https-call.ts';
import { createServiceClient, createSignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import {
  awaitReadyFile,
  clearReadyFile,
  startProgram,
  type RunningProgram,
} from '../../src-main/lib/process/program.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const ports = ['--https', '8443', '--mqtts', '8883', '--amqps', '5671'];

export interface Ready {
  readonly idScope: string;
  readonly deviceHost: string;
  readonly ports: { readonly https: number; readonly mqtts: number; readonly amqps: number };
  readonly serviceConnectionString: string;
  readonly caFile: string;
  readonly hubs: readonly unknown[];
}

interface HubReady {
  readonly hostName: string;
  readonly connectionString: string;
}

export interface RawReply {
  readonly status: number;
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly json: Record<string, unknown>;
  readonly text: string;
}

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tls?: { readonly certificatePem: string; readonly privateKeyPem: string };
}

interface Start<T> {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** What the program writes is the program's to keep right: the tests look at it. */
  readonly parse: (json: unknown) => T;
}

async function startOne<T>({ program, args, folder, parse }: Start<T>) {
  const file = join(folder, `${program}-ready.json`);
  await clearReadyFile(file);
  const main = join(import.meta.dirname, `../../src-main/${program}/main.ts`);
  const words = [main, ...args, '--ready-file', file, '--tls-dir', join(folder, 'tls')];
  const running = startProgram({ program, command: process.execPath, args: words }, parts);
  const wait = { program, file, limitMs: 60_000, clock: systemClock, ended: running.ended };
  return { running, file, ready: must(await awaitReadyFile({ ...wait, parse })) };
}

export async function openServiceBed(hubCount = 2) {
  const block = must(claimLoopbackBlock());
  const folder = mkdtempSync(join(tmpdir(), 'benchline-service-'));
  const address = `${block.base}.1`;
  const hubArgs = [
    '--data',
    join(folder, 'hubs'),
    '--hubs',
    String(hubCount),
    '--listen',
    `${block.base}.11`,
    ...ports,
  ];
  const startHubs = () =>
    startOne({ program: 'hub', args: hubArgs, folder, parse: (json) => json as readonly HubReady[] });
  let hubs = await startHubs();
  const links = hubs.ready.flatMap((hub) => ['--link-hub', hub.connectionString]);
  const serviceArgs = [
    '--data',
    join(folder, 'service'),
    '--listen',
    address,
    '--retry-after',
    '1',
    ...ports,
    ...links,
  ];
  const startService = () =>
    startOne({ program: 'service', args: serviceArgs, folder, parse: (json) => json as Ready });
  let service = await startService();
  const ready = service.ready;
  const caPem = readFileSync(ready.caFile, 'utf8');
  const connection = must(parseConnectionString(ready.serviceConnectionString));
  const client = createServiceClient({ connection, caPem }, parts);
  const control = createControlClient({ connection, caPem }, parts);
  const devices = createDeviceClient({ host: address, port: 8443, idScope: ready.idScope, caPem }, parts);
  const kill = async (running: RunningProgram, signal: NodeJS.Signals): Promise<number | null> => {
    if (running.pid !== undefined) process.kill(running.pid, signal);
    return (await running.ended).code;
  };
  return {
    address,
    folder,
    ready,
    caPem,
    connection,
    client,
    control,
    devices,
    hubs: hubs.ready,
    get readyFile() {
      return service.file;
    },
    /** A client of its own, with other settings or another peer. */
    clientWith: (change: Partial<ConnectionString>, timeoutMs?: number) =>
      createServiceClient({ connection: { ...connection, ...change }, caPem }, { ...parts, timeoutMs }),
    raw: (request: RawRequest) => rawCall({ host: address, caPem }, request),
    /** Asks a hub's registry as its owner would, past the service. */
    async hubCall(hostName: string, call: HttpsCall): Promise<unknown> {
      const hub = hubs.ready.find((one) => one.hostName === hostName);
      const hubConnection = must(parseConnectionString(hub?.connectionString ?? ''));
      const caller = createSignedCaller({ connection: hubConnection, caPem }, parts);
      const reply = must(await caller.call({ ...call, path: `${call.path}?api-version=2021-04-12` }));
      caller.close();
      return reply.json;
    },
    /** As the service's owner. */
    async owner(): Promise<string> {
      const request = { resource: address, expiresAtS: inOneHour(), keyName: connection.keyName };
      return must(await createSasToken(request, keySigner(Buffer.from(connection.key, 'base64'))));
    },
    killService: (signal: NodeJS.Signals) => kill(service.running, signal),
    async restartService(): Promise<Ready> {
      service = await startService();
      return service.ready;
    },
    killHubs: (signal: NodeJS.Signals) => kill(hubs.running, signal),
    async restartHubs(): Promise<void> {
      hubs = await startHubs();
    },
    async close(): Promise<void> {
      client.close();
      control.close();
      await service.running.stop();
      await hubs.running.stop();
      block.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type ServiceBed = Awaited<ReturnType<typeof openServiceBed>>;

export function inOneHour(): number {
  return Math.floor(systemClock.nowMs() / 1_000) + 3_600;
}

/** A request as curl would send it: nothing of our clients is in it. */
function rawCall(peer: { readonly host: string; readonly caPem: string }, call: RawRequest): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const body = call.body === undefined ? undefined : Buffer.from(call.body);
    const request = httpsRequest(
      {
        host: peer.host,
        port: 8443,
        ca: peer.caPem,
        agent: false,
        method: call.method,
        path: call.path,
        headers: { ...(body === undefined ? {} : { 'content-length': body.length }), ...call.headers },
        ...(call.tls === undefined ? {} : { cert: call.tls.certificatePem, key: call.tls.privateKeyPem }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const json =
            text.startsWith('{') || text.startsWith('[') ? (JSON.parse(text) as Record<string, unknown>) : {};
          const { statusCode: status = 0, rawHeaders, headers } = response;
          resolve({ status, rawHeaders, headers, json, text });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Looks again until it is so, within a bound. */
export async function until<T>(look: () => Promise<T | undefined>, what: string, limitMs = 20_000): Promise<T> {
  const endMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (systemClock.monotonicMs() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise<void>((resolve) => void systemClock.after(25, resolve));
  }
}
