import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSignedCaller, type SignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';

const deviceClient = new URL('./sdk-hub-device-client.ts', import.meta.url);

let bench: ServiceBench;

beforeAll(async () => {
  bench = await openServiceBench();
});

afterAll(() => bench.close());

function job(deviceId: string, transport: 'mqtt' | 'mqtt-ws' | 'http') {
  const { hostName, connectionString } = bench.ready.hubs[0]!;
  return { hostName, connectionString, deviceId, transport };
}

function hubPid(): number {
  const { pid } = bench;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const found = children.find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('/hub/main.'));
  if (found === undefined) throw new Error('no hub program runs');
  return Number(found);
}

async function hubCall(...[call]: Parameters<SignedCaller['call']>): Promise<unknown> {
  const connection = must(parseConnectionString(bench.ready.hubs[0]!.connectionString));
  const caPem = readFileSync(bench.ready.caFile, 'utf8');
  const caller = createSignedCaller({ connection, caPem }, { clock: systemClock, random: systemRandom });
  const { json } = must(await caller.call(call));
  caller.close();
  return json;
}

const message = (n: number): object => ({ text: `message-${n}`, messageId: `id-message-${n}`, kind: 'greeting' });

describe('unmodified azure-iot-device', () => {
  it('lives on a hub over MQTT: telemetry, twin, methods and messages, also after it was kicked and the hub was killed', async () => {
    await hubCall({ method: 'PUT', path: '/devices/asleep', json: { deviceId: 'asleep' } });
    await hubCall({ method: 'POST', path: '/devices/asleep/messages/devicebound', json: { wake: 'up' } });
    expect(await bench.client(deviceClient, { ...job('by-mqtt', 'mqtt'), hubPid: hubPid() })).toEqual({
      answers: [1, 2, 4].map((n) => ({ status: 201, payload: { echo: { n } } })),
      messages: [1, 2, 3, 4].map(message),
      desired: [1, 2, 4],
    });
    // what waited on disk for another device outlived the kill as well
    const asleep = await hubCall({ method: 'GET', path: '/devices/asleep' });
    expect(asleep).toMatchObject({ cloudToDeviceMessageCount: 1 });
  });

  it('lives on a hub over MQTT within WebSockets, also after it was kicked', async () => {
    expect(await bench.client(deviceClient, job('by-mqtt-ws', 'mqtt-ws'))).toEqual({
      answers: [1, 2].map((n) => ({ status: 201, payload: { echo: { n } } })),
      messages: [1, 2].map(message),
      desired: [1, 2],
    });
  });

  it('lives on a hub over HTTPS: telemetry one by one and in a batch, messages completed, abandoned and rejected', async () => {
    const greeting = (text: string): object => ({ text, messageId: `id-${text}`, kind: 'greeting' });
    expect(await bench.client(deviceClient, job('by-http', 'http'))).toEqual({
      messages: ['first', 'first', 'second'].map(greeting),
    });
    expect(await hubCall({ method: 'GET', path: '/benchline/v1/devices/by-http/messages' })).toMatchObject([
      { payload: '{"t":21}', properties: { kind: 'hello world' }, systemProperties: { messageId: 'm1' } },
      { payload: 'one' },
      { payload: 'two' },
    ]);
  });
});
