import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openHubBench, type HubBench } from './hub-bench.ts';
import { closeOf, hubDevices, webCall, type HubDevices, type WebAnswer } from './hub-devices.ts';

let bench: HubBench;
let devices: HubDevices;
let key: string;
const path = '/benchline/v1/fault';

beforeAll(async () => {
  bench = await openHubBench();
  devices = hubDevices(bench);
  key = await devices.create('unit');
});

beforeEach(async () => {
  expect(await devices.service({ method: 'DELETE', path })).toMatchObject({ status: 204 });
});

afterAll(async () => {
  devices.close();
  await bench.close();
});

async function setFault(fault: object): Promise<WebAnswer> {
  return devices.service({ method: 'PUT', path, body: JSON.stringify(fault) });
}

const registry = (): Promise<WebAnswer> => devices.service({ method: 'GET', path: '/devices/unit' });
const telemetry = (): Promise<WebAnswer> =>
  devices.web('unit', key, { method: 'POST', path: '/devices/unit/messages/events', body: 'x' });

describe('a hub that is', () => {
  it('throttled says when to come again, and is unavailable over MQTT', async () => {
    await setFault({ is: 'throttled', retryAfterSeconds: 7 });
    for (const answer of [await registry(), await telemetry()]) {
      expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '7' } });
    }
    await expect(devices.connectByKey('unit', key)).rejects.toThrow('Server unavailable');
  });

  it('refusing knows no credentials', async () => {
    await setFault({ is: 'refusing' });
    for (const answer of [await registry(), await telemetry()]) expect(answer).toMatchObject({ status: 401 });
    await expect(devices.connectByKey('unit', key)).rejects.toThrow('Not authorized');
  });

  it('down ends what is connected, and lets nobody in', async () => {
    const client = await devices.connectByKey('unit', key);
    const closed = closeOf(client);
    await setFault({ is: 'down' });
    await closed;
    await expect(registry()).rejects.toThrow(/hang up|ECONNRESET/);
    await expect(telemetry()).rejects.toThrow(/hang up|ECONNRESET/);
    // an MQTT client would wait for an answer: what it meets is the end of its TLS connection
    const socket = connect({ host: bench.address, port: bench.ports.mqtts, ca: bench.caPem });
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });

  it('slow answers all the same, once it is told to hold back no longer', async () => {
    await setFault({ is: 'slow', delayMs: 60_000 });
    const held = [
      registry(),
      devices.connectByKey('unit', key).then(({ connected }) => ({ status: connected ? 200 : 0 })),
    ];
    await vi.waitFor(async () => {
      const { text } = await devices.service({ method: 'GET', path });
      expect(JSON.parse(text)).toMatchObject({ is: 'slow', delayMs: 60_000, struck: 2 });
    });
    await devices.service({ method: 'DELETE', path });
    expect(await Promise.all(held)).toMatchObject([{ status: 200 }, { status: 200 }]);
  });

  it('switched back is as before', async () => {
    await setFault({ is: 'down' });
    await devices.service({ method: 'DELETE', path });
    expect(await registry()).toMatchObject({ status: 200 });
    expect(await telemetry()).toMatchObject({ status: 204 });
  });
});

describe('the switch', () => {
  it('is the policy’s alone', async () => {
    expect(await webCall(bench, { method: 'PUT', path, body: '{"is":"down"}' })).toMatchObject({ status: 401 });
    expect(await devices.web('unit', key, { method: 'PUT', path, body: '{"is":"down"}' })).toMatchObject({
      status: 401,
    });
    expect(await registry()).toMatchObject({ status: 200 });
  });

  it.each(['', '{}', '{"is":"odd"}', '{"is":"slow","delayMs":60001}', '{"is":"down","forSeconds":86401}'])(
    'refuses %j',
    async (body) => {
      expect(await devices.service({ method: 'PUT', path, body })).toMatchObject({ status: 400 });
      expect(await registry()).toMatchObject({ status: 200 });
    },
  );
});
