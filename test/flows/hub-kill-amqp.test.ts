/** A hub program that is killed under its AMQP devices: unmodified SDKs come back to the next one and live on it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openServiceBed, until, type ServiceBed } from './service-bed.ts';

let bed: ServiceBed;
let client: ChildProcess | undefined;
const ids = ['kill-a', 'kill-b', 'kill-c'];

beforeAll(async () => {
  bed = await openServiceBed(1);
});
afterAll(async () => {
  client?.kill('SIGKILL');
  await bed.close();
});

const hubCall = async (method: 'GET' | 'PUT' | 'POST', path: string, json?: object): Promise<unknown> =>
  bed.hubCall(bed.hubs[0]!.hostName, { method, path, ...(json === undefined ? {} : { json }) });

async function connectionString(deviceId: string): Promise<string> {
  const made = (await hubCall('PUT', `/devices/${deviceId}`, { deviceId })) as {
    authentication: { symmetricKey: { primaryKey: string } };
  };
  const key = made.authentication.symmetricKey.primaryKey;
  return `HostName=${bed.hubs[0]!.hostName};DeviceId=${deviceId};SharedAccessKey=${key}`;
}

/** What the clients' process says, line by line. */
function startClients(connectionStrings: readonly string[]) {
  const jobFile = join(bed.folder, 'kill-job.json');
  writeFileSync(jobFile, JSON.stringify({ connectionStrings }), { mode: 0o600 });
  const file = fileURLToPath(new URL('./sdk-hub-kill-client.ts', import.meta.url));
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: bed.ready.caFile, NODE_NO_WARNINGS: '1' };
  const child = spawn(process.execPath, [file, jobFile], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  client = child;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    tell: (word: string) => void child.stdin.write(`${word}\n`),
    said: async () => String((await lines.next()).value),
  };
}

it('killed under its AMQP devices, they come back, send what they had to, and answer method calls', async () => {
  const clients = startClients(await Promise.all(ids.map(connectionString)));
  expect(await clients.said()).toBe('up');
  await bed.killHubs('SIGKILL');
  clients.tell('after');
  await bed.restartHubs();
  expect(await clients.said()).toBe('sent after');
  for (const deviceId of ids) {
    const identity = (await hubCall('GET', `/devices/${deviceId}`)) as Record<string, unknown>;
    expect(identity['connectionState']).toBe('Connected');
    const sent = (await hubCall('GET', `/benchline/v1/devices/${deviceId}/messages`)) as { payload: string }[];
    expect(sent.map(({ payload }) => payload)).toEqual(['after']);
    const call = { methodName: 'ping', payload: { n: 1 }, responseTimeoutInSeconds: 20, connectTimeoutInSeconds: 20 };
    const answered = await until(async () => {
      const reply = (await hubCall('POST', `/twins/${deviceId}/methods`, call)) as Record<string, unknown> | undefined;
      return reply?.['status'] === 200 ? reply : undefined;
    }, `an answer of ${deviceId}`);
    expect(answered['payload']).toEqual({ echo: { n: 1 } });
  }
});
