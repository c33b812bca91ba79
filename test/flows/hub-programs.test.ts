import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSignedCaller, type SignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { selfSigned, type DeviceFiles } from '../exams/hub-bench.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';

let bench: ServiceBench;
let device: DeviceFiles;
// a killed program is back within its first backoff and its own start
const backIn = { timeout: 20_000, interval: 100 };

beforeAll(async () => {
  bench = await openServiceBench();
  device = selfSigned('witness');
});

afterAll(() => bench.close());

/** The command lines of the programs that `benchline service` runs, by process id. */
function programs(): Map<string, string> {
  const { pid } = bench;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return new Map(children.filter(Boolean).map((child) => [child, commandLine(child)]));
}

function commandLine(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}

function pidOf(program: 'hub' | 'service'): number {
  const found = [...programs()].find(([, line]) => line.includes(`/${program}/main.`));
  if (found === undefined) throw new Error(`no ${program} program runs`);
  return Number(found[0]);
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

function hubCaller(): SignedCaller {
  const connection = must(parseConnectionString(bench.ready.hubs[0]!.connectionString));
  const caPem = readFileSync(bench.ready.caFile, 'utf8');
  return createSignedCaller({ connection, caPem }, { clock: systemClock, random: systemRandom });
}

async function createWitness(): Promise<void> {
  const caller = hubCaller();
  const x509Thumbprint = { primaryThumbprint: device.sha256 };
  const json = { deviceId: 'witness', authentication: { type: 'selfSigned', x509Thumbprint } };
  must(await caller.call({ method: 'PUT', path: '/devices/witness', json }));
  caller.close();
}

async function connectWitness(): Promise<boolean> {
  const { hostName } = bench.ready.hubs[0]!;
  const client = await connectAsync(`mqtts://${hostName}:8883`, {
    clientId: 'witness',
    username: `${hostName}/witness/?api-version=2021-04-12`,
    cert: device.cert,
    key: device.key,
    ca: readFileSync(bench.ready.caFile),
    reconnectPeriod: 0,
  });
  const { connected } = client;
  await client.endAsync();
  return connected;
}

describe('benchline service', () => {
  it('says when it is ready in a file that is whole and its user’s alone, and names every way in', () => {
    const { ready } = bench;
    expect(statSync(bench.readyFile).mode & 0o777).toBe(0o600);
    expect(ready.ports).toEqual({ https: 443, mqtts: 8883, amqps: 5671 });
    expect(ready.idScope).toMatch(/^0ne[0-9A-Za-z]{8}$/);
    expect(ready.serviceConnectionString).toContain(`HostName=${ready.deviceHost};`);
    expect(ready.hubs.map(({ hostName }) => hostName)).toEqual(
      [11, 12].map((host) => ready.deviceHost.replace(/\.1$/, `.${host}`)),
    );
  });

  it('shows no key on any command line, nor in what it prints', () => {
    const secrets = [bench.ready.serviceConnectionString, ...bench.ready.hubs.map((hub) => hub.connectionString)].map(
      (text) => must(parseConnectionString(text)).key,
    );
    const shown = [...programs().values(), commandLine(String(bench.pid)), bench.printed()].join('\n');
    expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
    expect(shown).toContain('/hub/main.');
  });

  it('starts again on its data as the same service with the same hubs and devices', async () => {
    await createWitness();
    expect(await connectWitness()).toBe(true);
    const hubFile = join(bench.folder, 'hub.txt');
    writeFileSync(hubFile, bench.ready.hubs[0]!.connectionString, { mode: 0o600 });
    expect(await bench.ask('link-hub', '--weight', '5', '--connection-string-file', hubFile)).toMatchObject({
      code: 0,
    });
    const before = { ready: bench.ready, ca: readFileSync(bench.ready.caFile, 'utf8') };
    const earlier = [bench.pid, pidOf('hub'), pidOf('service')];
    await bench.restart();
    expect(earlier.filter((pid) => !isGone(pid))).toEqual([]);
    expect({ ready: bench.ready, ca: readFileSync(bench.ready.caFile, 'utf8') }).toEqual(before);
    expect(await connectWitness()).toBe(true);
    const hubs = await bench.ask('hubs', '--json');
    expect(JSON.parse(hubs.text)).toContainEqual(
      expect.objectContaining({ hostName: bench.ready.hubs[0]!.hostName, allocationWeight: 5 }),
    );
  });

  it.each(['hub', 'service'] as const)('brings a killed %s program back', async (program) => {
    const killed = pidOf(program);
    process.kill(killed, 'SIGKILL');
    await vi.waitFor(() => expect(pidOf(program)).not.toBe(killed), backIn);
    await vi.waitFor(async () => expect(await connectWitness()).toBe(true), backIn);
    await vi.waitFor(async () => expect((await bench.ask('hubs')).code).toBe(0), backIn);
  });

  it('takes its programs with it even when it is killed, and starts again on the same data', async () => {
    const children = [pidOf('hub'), pidOf('service')];
    await bench.end('SIGKILL');
    await vi.waitFor(() => expect(children.every(isGone)).toBe(true), backIn);
    await bench.restart();
    expect(await connectWitness()).toBe(true);
  });

  it('ends with 0 when it is asked to, and takes its ready file away', async () => {
    const children = [pidOf('hub'), pidOf('service')];
    expect(await bench.end('SIGTERM')).toBe(0);
    expect(children.every(isGone)).toBe(true);
    expect(() => statSync(bench.readyFile)).toThrow('ENOENT');
  });
});
