/** Three hubs in one program on the standard ports, told apart by the TLS server name, else by the address. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fromBase64 } from '../../src-main/lib/base/bytes.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSasToken, keySigner } from '../../src-main/lib/dps/sas.ts';
import { claimLoopbackBlock, type LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';

interface ReadyHub {
  readonly hostName: string;
  readonly address: string;
  readonly connectionString: string;
}

const cli = join(import.meta.dirname, '../../src-main/cli.ts');
const deviceKey = Buffer.alloc(32, 5).toString('base64');

let folder: string;
let block: LoopbackBlock;
let program: ChildProcess;
let hubs: readonly ReadyHub[];
let ca: string;
const clients: MqttClient[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hub-names-'));
  block = must(claimLoopbackBlock());
  const readyFile = join(folder, 'ready.json');
  const files = ['--data', join(folder, 'data'), '--tls-dir', join(folder, 'tls'), '--ready-file', readyFile];
  const place = ['--listen', `${block.base}.21`, '--hubs', '3', '--host-names', 'hub-a.test,hub-b.test'];
  program = spawn(process.execPath, [cli, 'hub', ...files, ...place], { stdio: 'ignore' });
  await vi.waitFor(() => expect(existsSync(readyFile)).toBe(true), { timeout: 60_000, interval: 50 });
  hubs = JSON.parse(readFileSync(readyFile, 'utf8')) as readonly ReadyHub[];
  ca = readFileSync(join(folder, 'tls', 'ca.pem'), 'utf8');
  for (const hub of hubs) {
    const symmetricKey = { primaryKey: deviceKey, secondaryKey: deviceKey };
    const json = { deviceId: 'twin', statusReason: hub.hostName, authentication: { type: 'sas', symmetricKey } };
    expect(await ask(hub, { address: hub.address, method: 'PUT', json })).toMatchObject({ status: 200 });
  }
});

afterAll(async () => {
  for (const client of clients) client.end(true);
  const ended = new Promise((resolve) => program.once('exit', resolve));
  program.kill('SIGTERM');
  await ended;
  block.release();
  rmSync(folder, { recursive: true, force: true });
});

async function signed(resource: string, key: string, keyName?: string): Promise<string> {
  const expiresAtS = Math.floor(systemClock.nowMs() / 1000) + 600;
  const wanted = { resource, expiresAtS, ...(keyName === undefined ? {} : { keyName }) };
  return must(await createSasToken(wanted, keySigner(fromBase64(key)!)));
}

interface Asking {
  readonly address: string;
  readonly serverName?: string;
  readonly method?: string;
  readonly json?: object;
}

/** Asks for the device `twin` with this hub's policy key, wherever it comes in. */
async function ask(hub: ReadyHub, asking: Asking): Promise<{ status: number; json: unknown }> {
  const { key, keyName } = must(parseConnectionString(hub.connectionString));
  const headers = { authorization: await signed(hub.hostName, key, keyName), 'content-type': 'application/json' };
  const { address, serverName, method = 'GET', json } = asking;
  const tls = { ca, agent: false, ...(serverName === undefined ? {} : { servername: serverName }) } as const;
  return new Promise((resolve, reject) => {
    const asked = request({ host: address, path: '/devices/twin', method, headers, ...tls }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text) });
      });
    });
    asked.on('error', reject);
    asked.end(json === undefined ? undefined : JSON.stringify(json));
  });
}

async function connect(hub: ReadyHub, more: { address?: string; serverName?: string; userHost?: string } = {}) {
  const client = await connectAsync(`mqtts://${more.address ?? hub.address}:8883`, {
    clientId: 'twin',
    username: `${more.userHost ?? hub.hostName}/twin/?api-version=2021-04-12`,
    password: await signed(`${hub.hostName}/devices/twin`, deviceKey),
    ca,
    reconnectPeriod: 0,
    ...(more.serverName === undefined ? {} : { servername: more.serverName }),
  });
  clients.push(client);
  return client;
}

async function connectionStates(): Promise<unknown[]> {
  const asked = await Promise.all(hubs.map((hub) => ask(hub, { address: hub.address })));
  return asked.map(({ json }) => (json as { connectionState: string }).connectionState);
}

describe('three hubs in one program', () => {
  it('are called by their names, and one without a name by its address', () => {
    expect(hubs.map(({ hostName }) => hostName)).toEqual(['hub-a.test', 'hub-b.test', `${block.base}.23`]);
  });

  it('are found by the address where no server name is said', async () => {
    for (const hub of hubs) {
      const found = await ask(hub, { address: hub.address });
      expect(found).toMatchObject({ status: 200, json: { deviceId: 'twin', statusReason: hub.hostName } });
    }
  });

  it('are found by the server name wherever it comes in, under a certificate that has it', async () => {
    const [a, b, c] = hubs as [ReadyHub, ReadyHub, ReadyHub];
    const through = await ask(b, { address: a.address, serverName: 'hub-b.test' });
    expect(through).toMatchObject({ status: 200, json: { statusReason: 'hub-b.test' } });
    expect(await ask(a, { address: c.address, serverName: 'hub-a.test' })).toMatchObject({ status: 200 });
    // the key of one hub opens no other
    expect(await ask(a, { address: b.address, serverName: 'hub-b.test' })).toMatchObject({ status: 401 });
  });

  it('each see their own devices connect, whatever host the MQTT user name was given', async () => {
    const [a, b, c] = hubs as [ReadyHub, ReadyHub, ReadyHub];
    const atA = await connect(a, { userHost: 'gateway.example' });
    const atB = await connect(b, { address: c.address, serverName: 'hub-b.test' });
    expect(await connectionStates()).toEqual(['Connected', 'Connected', 'Disconnected']);
    const atC = await connect(c);
    expect([atA, atB, atC].map((client) => client.connected)).toEqual([true, true, true]);
    await Promise.all([atA.endAsync(), atC.endAsync()]);
    await vi.waitFor(async () =>
      expect(await connectionStates()).toEqual(['Disconnected', 'Connected', 'Disconnected']),
    );
  });

  it('refuse a token that was signed for another of them', async () => {
    const [a, b] = hubs as [ReadyHub, ReadyHub, ReadyHub];
    await expect(connect(a, { address: b.address })).rejects.toThrow('Not authorized');
  });
});
