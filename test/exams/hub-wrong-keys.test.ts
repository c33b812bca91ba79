/** A hub that is shown wrong keys again and again: it stops looking, on every wire at once, and its log stays short. */
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { jsonLog } from '../../src-main/lib/base/log.ts';
import { frames, rawAmqp, saslFrame, saslHeader, type RawAmqp } from './amqp-raw.ts';
import { connectDevice, deviceToken, openHubBench, type HubBench } from './hub-bench.ts';
import { hubDevices, type HubDevices } from './hub-devices.ts';

let bench: HubBench;
let devices: HubDevices;
const lines: Record<string, unknown>[] = [];
const open: { destroy(): void }[] = [];

beforeAll(async () => {
  const log = jsonLog(
    (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    () => 'now',
  );
  bench = await openHubBench(log);
  devices = hubDevices(bench);
});
afterAll(async () => {
  for (const one of open) one.destroy();
  devices.close();
  await bench.close();
});

// What one device may get wrong before it waits (lib/base/attempt-limits.ts).
const burst = 30;
const telemetry = { method: 'POST', path: '/devices/target/messages/events', body: 'x' };

function amqp(): RawAmqp {
  const socket = connect({ host: bench.address, port: bench.ports.amqps, ca: bench.caPem });
  open.push(socket);
  return rawAmqp(socket);
}

it('answers them with a time to wait over HTTPS, MQTT and AMQP, and lets the devices beside it in', async () => {
  const key = await devices.create('target');
  const other = await devices.create('beside');
  const statuses: number[] = [];
  for (let at = 0; at < burst + 5; at += 1) statuses.push((await devices.web('target', other, telemetry)).status);
  expect(statuses.slice(0, burst)).toEqual(Array(burst).fill(401));
  expect(statuses.at(-1)).toBe(429);
  const refused = await devices.web('target', key, telemetry);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  // CONNACK 3: come again; 5 would tell the device that it is wrong
  const password = await deviceToken(bench, { deviceId: 'target', key });
  await expect(connectDevice(bench, { deviceId: 'target', password })).rejects.toMatchObject({ code: 3 });
  const client = amqp();
  const initial = Buffer.from(`\0target@sas.${bench.address}\0${password}`);
  client.send(saslHeader, saslFrame(frames.sasl_init({ mechanism: 'PLAIN', initial_response: initial })));
  // section 5.3.3.6: sys-temp
  expect((await client.until('outcome')).fields['code']).toBe(4);
  expect((await devices.web('beside', other, { ...telemetry, path: '/devices/beside/messages/events' })).status).toBe(
    204,
  );
  const told = lines.filter(({ event, deviceId }) => event === 'device-refused' && deviceId === 'target');
  expect(told.map(({ why }) => why)).toEqual(['wrong-key', 'throttled']);
  expect(told[0]).toMatchObject({ source: '127.0.0.1', level: 'warn' });
});

it('writes no line for each of many invented ids', async () => {
  lines.length = 0;
  const key = Buffer.alloc(32, 5).toString('base64');
  const paths = Array.from({ length: 400 }, (_, at) => `/devices/invented-${at}/messages/events`);
  const statuses = await Promise.all(
    paths.map(async (path) => (await devices.web('target', key, { ...telemetry, path })).status),
  );
  expect(new Set(statuses)).toEqual(new Set([401]));
  const told = lines.filter(({ event }) => event === 'device-refused');
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThan(paths.length);
});
