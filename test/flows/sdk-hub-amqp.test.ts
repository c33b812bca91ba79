/** Unmodified azure-iot-device over Amqp and AmqpWs, called by unmodified azure-iothub, on the real hub program. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { selfSigned } from '../exams/hub-bench.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import { createSignedCaller } from '../../src-main/lib/dps/service-client.ts';
import { openServiceBench, type ServiceBench } from './sdk-bench.ts';
import type { HubRun } from './sdk-hub-amqp-client.ts';

const client = new URL('./sdk-hub-amqp-client.ts', import.meta.url);

let bench: ServiceBench;
beforeAll(async () => {
  bench = await openServiceBench();
});
afterAll(() => bench.close());

async function lastMessages(deviceId: string): Promise<unknown> {
  const connection = must(parseConnectionString(bench.ready.hubs[0]!.connectionString));
  const caPem = readFileSync(bench.ready.caFile, 'utf8');
  const caller = createSignedCaller({ connection, caPem }, { clock: systemClock, random: systemRandom });
  const { json } = must(await caller.call({ method: 'GET', path: `/benchline/v1/devices/${deviceId}/messages` }));
  caller.close();
  return json;
}

it('a device lives on a hub over AMQP: telemetry, twin, methods, messages, and a second connection', async () => {
  const { hostName, connectionString } = bench.ready.hubs[0]!;
  const runs: readonly HubRun[] = [
    { transport: 'Amqp', deviceId: 'amqp-sas' },
    { transport: 'AmqpWs', deviceId: 'amqp-ws-sas' },
    { transport: 'Amqp', deviceId: 'amqp-x509', certificate: selfSigned('amqp-x509') },
    { transport: 'AmqpWs', deviceId: 'amqp-ws-x509', certificate: selfSigned('amqp-ws-x509') },
  ];
  const lived = {
    method: { status: 201, payload: { echo: { n: 1 } } },
    messages: ['first you', 'first you', 'second you'],
    desired: [5],
    connectionState: 'Connected',
    firmware: '1.2',
    badPatch: 'Error',
    unknown: 'DeviceNotFoundError',
  };
  expect(await bench.client(client, { hostName, connectionString, runs })).toEqual(runs.map(() => lived));
  for (const { deviceId } of runs) {
    const received = (await lastMessages(deviceId)) as readonly object[];
    expect(received[0]).toMatchObject({
      payload: '{"t":21}',
      properties: { kind: 'hello world' },
      systemProperties: { messageId: 'm1', contentType: 'application/json', contentEncoding: 'utf-8' },
    });
    expect(received.at(-1)).toMatchObject({ payload: 'again' });
  }
});
