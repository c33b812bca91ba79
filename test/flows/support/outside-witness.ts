/** Witnesses that share no code with us: tpm2-tools on a TPM's state, and Microsoft's own packages on the service and its hubs. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { sleep } from '../../../src-main/lib/base/clock.ts';
import { systemClock } from '../../../src-main/lib/base/host.ts';

const run = promisify(execFile);
const startLimitMs = 60_000;

/** dps-wire 4.2, written out once more: base32 of SHA-256 over what `tpm2_readpublic` gives as TPM2B_PUBLIC. */
export async function registrationIdInSwtpm(stateFolder: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'witness-tpm-'));
  const socket = join(folder, 'tpm');
  const server = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`];
  const state = ['socket', '--tpm2', '--tpmstate', `dir=${stateFolder}`, '--flags', 'not-need-init,startup-clear'];
  const swtpm = spawn('swtpm', [...state, ...server], { stdio: 'ignore' });
  const ended = once(swtpm, 'close');
  const key = join(folder, 'ek.pub');
  const question = ['-T', `swtpm:path=${socket}`, '-c', '0x81010001', '-f', 'tss', '-o', key];
  const untilMs = systemClock.monotonicMs() + startLimitMs;
  let isRead = false;
  while (!isRead && systemClock.monotonicMs() < untilMs) {
    isRead = await run('tpm2_readpublic', question).then(
      () => true,
      () => false,
    );
    if (!isRead) await sleep(systemClock, 50);
  }
  swtpm.kill();
  await ended;
  const digest = createHash('sha256').update(readFileSync(key)).digest();
  rmSync(folder, { recursive: true, force: true });
  return base32(digest);
}

/** RFC 4648 section 6, lower case, unpadded: bit by bit, unlike the product's. */
function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(parseInt(group.padEnd(5, '0'), 2))).join('');
}

export interface SdkLists {
  /** Device ids by hub. */
  readonly devices: Readonly<Record<string, readonly string[]>>;
  readonly enrollments: readonly {
    readonly registrationId: string;
    readonly attestation: string;
    readonly deviceId?: string;
  }[];
  readonly groups: readonly string[];
  readonly registrations: readonly {
    readonly registrationId: string;
    readonly status: string;
    readonly deviceId: string;
    readonly hub: string;
  }[];
}

/** What the service's ready file says, as far as witnesses need it. */
export interface ReadyService {
  readonly caFile: string;
  readonly deviceHost: string;
  readonly idScope: string;
}

/** Starts the service of a data folder again, and lets the unmodified SDKs say what it and its hubs hold. */
export function askWithSdks(serviceData: string, listen: string): Promise<SdkLists> {
  return withServiceAgain(serviceData, listen, async (ready) => {
    const client = fileURLToPath(new URL('./outside-witness-client.ts', import.meta.url));
    return (await runWitness(client, ready, ready)) as SdkLists;
  });
}

/** Registers as one device with the unmodified packages in a process of their own, which then reads its twin. */
export function registerWithSdk(ready: ReadyService, proof: Readonly<Record<string, unknown>>): Promise<unknown> {
  const client = fileURLToPath(new URL('../sdk-device-client.ts', import.meta.url));
  return runWitness(client, ready, { host: ready.deviceHost, idScope: ready.idScope, ...proof });
}

/** Runs the service and hubs of a data folder while `use` lasts. */
export async function withServiceAgain<T>(
  serviceData: string,
  listen: string,
  use: (ready: ReadyService) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'witness-sdk-'));
  const readyFile = join(folder, 'ready.json');
  const cli = join(import.meta.dirname, '../../../src-main/cli.ts');
  const words = ['--data', serviceData, '--ready-file', readyFile, '--listen', listen, '--hubs', '2'];
  const service = spawn(process.execPath, [cli, 'service', ...words], { stdio: 'ignore' });
  const ended = once(service, 'exit');
  try {
    return await use(await untilReady(readyFile));
  } finally {
    service.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The job goes by a file that only we may read: it holds keys. */
async function runWitness(client: string, ready: ReadyService, job: unknown): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'witness-job-'));
  const jobFile = join(folder, 'job.json');
  writeFileSync(jobFile, JSON.stringify(job), { mode: 0o600 });
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: ready.caFile, NODE_NO_WARNINGS: '1' };
  try {
    const { stdout } = await run(process.execPath, [client, jobFile], { env, timeout: startLimitMs });
    return JSON.parse(stdout) as unknown;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilReady(readyFile: string): Promise<ReadyService> {
  const untilMs = systemClock.monotonicMs() + startLimitMs;
  for (;;) {
    try {
      return JSON.parse(readFileSync(readyFile, 'utf8')) as ReadyService;
    } catch (error) {
      if (systemClock.monotonicMs() > untilMs) throw error;
      await sleep(systemClock, 50);
    }
  }
}
