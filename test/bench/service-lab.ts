/** The service program, the hub program, the constant server and the load generator, each a process of its own. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createServiceClient, type ServiceClient } from '../../src-main/lib/dps/service-client.ts';
import type { ServerCredential } from '../../src-main/lib/listen/tls-server.ts';
import { awaitReadyFile, clearReadyFile } from '../../src-main/lib/process/program.ts';
import { loadOrCreateTlsAuthority, type TlsKeyKind } from '../../src-main/lib/x509/tls-authority.ts';
import type { ConstantOptions, ConstantReady } from './service-constant.ts';
import type { LoadOrder, LoadReport } from './service-load-types.ts';

const parts = { clock: systemClock, random: systemRandom };

interface HubReady {
  readonly hostName: string;
  readonly connectionString: string;
}

export interface ServiceReady {
  readonly idScope: string;
  readonly ports: { readonly https: number; readonly mqtts: number; readonly amqps: number };
  readonly serviceConnectionString: string;
  readonly caFile: string;
}

export interface Program<Ready> {
  readonly pid: number;
  readonly ready: Ready;
  stop(): Promise<void>;
}

const readyLimitMs = 60_000;
const ports = ['--https', '8443', '--mqtts', '8883', '--amqps', '5671'];

/** Its log goes to a file, as under a service manager: a pipe would make its reader a part of the load. */
async function startProgram<Ready>(folder: string, program: string, args: readonly string[]): Promise<Program<Ready>> {
  const file = join(folder, `${program}-ready.json`);
  await clearReadyFile(file);
  const main = join(import.meta.dirname, `../../src-main/${program}/main.ts`);
  const log = openSync(join(folder, `${program}.log`), 'a');
  // For whoever looks for where the time goes: the folder for the service's profile, which `node --cpu-prof` writes.
  const profiles = program === 'service' ? process.env['BENCH_CPU_PROFILE'] : undefined;
  const profiled = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  const words = [...profiled, main, ...args, '--ready-file', file, '--tls-dir', join(folder, 'tls')];
  const child = spawn(process.execPath, words, { stdio: ['ignore', log, log] });
  const ended = endOf(child);
  const wait = { program, file, limitMs: readyLimitMs, clock: systemClock, ended };
  const ready = must(await awaitReadyFile({ ...wait, parse: (json) => json as Ready }));
  return {
    pid: child.pid ?? 0,
    ready,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
}

export interface LabPlace {
  readonly folder: string;
  /** Three numbers of a loopback address. */
  readonly base: string;
}

export const startHubs = ({ folder, base }: LabPlace): Promise<Program<readonly HubReady[]>> =>
  startProgram(folder, 'hub', ['--data', join(folder, 'hubs'), '--hubs', '2', '--listen', `${base}.11`, ...ports]);

export interface ServicePlan {
  readonly tlsKey: TlsKeyKind;
  /** The last number of its address. */
  readonly address?: number;
  /** Of its data, in the lab's. */
  readonly folder?: string;
}

export function startService(
  { folder, base }: LabPlace,
  hubs: readonly HubReady[],
  plan: ServicePlan,
): Promise<Program<ServiceReady>> {
  const links = hubs.flatMap((hub) => ['--link-hub', hub.connectionString]);
  const data = join(folder, plan.folder ?? 'service');
  const place = ['--data', data, '--listen', `${base}.${plan.address ?? 1}`, ...ports];
  return startProgram(folder, 'service', [...place, ...links, '--retry-after', '1', '--tls-key', plan.tlsKey]);
}

export function clientOf(ready: ServiceReady): ServiceClient {
  const connection = must(parseConnectionString(ready.serviceConnectionString));
  return createServiceClient({ connection, caPem: readFileSync(ready.caFile, 'utf8') }, parts);
}

export interface Child<Ready> {
  readonly pid: number;
  readonly ready: Ready;
  close(): Promise<void>;
}

/** With a certificate of the service's own authority, and a key of the same kind. */
export async function startConstant(
  { folder, base }: LabPlace,
  tlsKey: TlsKeyKind,
  authenticationKey: string | undefined,
): Promise<Child<ConstantReady>> {
  const host = `${base}.2`;
  const authority = must(await loadOrCreateTlsAuthority(join(folder, 'tls'), parts));
  const names = { slug: `constant-${tlsKey}`, commonName: host, dnsNames: [], ipAddresses: [host], key: tlsKey };
  const credential: ServerCredential = must(await authority.serverCredential(names));
  const file = join(folder, 'constant.json');
  writeFileSync(file, JSON.stringify({ host, credential, authenticationKey } satisfies ConstantOptions));
  const child = fork(join(import.meta.dirname, 'service-constant.ts'), [file]);
  const ready = await new Promise<ConstantReady>((resolve) => void child.once('message', resolve));
  return { pid: child.pid ?? 0, ready, close: () => disconnected(child) };
}

async function disconnected(child: ChildProcess): Promise<void> {
  const ended = endOf(child);
  child.disconnect();
  await ended;
}

export interface LoadGenerator {
  readonly pid: number;
  ask(order: LoadOrder): Promise<LoadReport>;
  close(): Promise<void>;
}

export function startLoad(): LoadGenerator {
  const child = fork(join(import.meta.dirname, 'service-load.ts'), [], { serialization: 'advanced' });
  return {
    pid: child.pid ?? 0,
    ask: (order) =>
      new Promise((resolve, reject) => {
        const died = (): void => {
          reject(new Error('the load generator died'));
        };
        child.once('exit', died);
        child.once('message', (report) => {
          child.off('exit', died);
          resolve(report as LoadReport);
        });
        child.send(order);
      }),
    close: () => disconnected(child),
  };
}

/** Seconds of processor time that a process has used: proc(5), in ticks of 10 ms. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, which may hold anything, ends with the last bracket; then utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
