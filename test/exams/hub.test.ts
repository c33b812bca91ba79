import { once, type EventEmitter } from 'node:events';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { connectDevice, deviceToken, openHubBench, selfSigned, type DeviceLogin, type HubBench } from './hub-bench.ts';

let bench: HubBench;
const clients: MqttClient[] = [];

beforeAll(async () => {
  bench = await openHubBench();
});

afterAll(async () => {
  for (const client of clients) client.end(true);
  await bench.close();
});

async function createDevice(deviceId: string, body: object = {}): Promise<{ key: string; etag: string }> {
  const reply = must(
    await bench.registry.call({ method: 'PUT', path: `/devices/${deviceId}`, json: { deviceId, ...body } }),
  );
  const made = reply.json as { etag: string; authentication: { symmetricKey: { primaryKey: string } } };
  return { key: made.authentication.symmetricKey.primaryKey, etag: made.etag };
}

async function connect(login: DeviceLogin): Promise<MqttClient> {
  const client = await connectDevice(bench, login);
  clients.push(client);
  client.on('error', () => undefined);
  return client;
}

async function connectByKey(deviceId: string, key: string, more: Partial<DeviceLogin> = {}): Promise<MqttClient> {
  return connect({ deviceId, password: await deviceToken(bench, { deviceId, key }), ...more });
}

async function identity(deviceId: string): Promise<Record<string, unknown>> {
  const reply = must(await bench.registry.call({ method: 'GET', path: `/devices/${deviceId}` }));
  return reply.json as Record<string, unknown>;
}

function closeOf(client: MqttClient): Promise<unknown> {
  // a reset is an end too: `once` of Node would fail on its error
  return new Promise((resolve) => client.once('close', () => resolve(undefined)));
}

/** The next message of this client, with its topic. */
async function nextMessage(client: MqttClient): Promise<{ topic: string; body: unknown }> {
  const [topic, payload] = (await once(client as unknown as EventEmitter, 'message')) as [string, Buffer];
  return { topic, body: payload.length === 0 ? undefined : JSON.parse(payload.toString()) };
}

describe('who gets in', () => {
  it.each([
    ['its primary key', {}],
    ['its key over a token that names the port too', { host: 'with-port' }],
  ])('a device with %s', async (_how, { host }: { host?: string }) => {
    const { key } = await createDevice(`in-${host ?? 'plain'}`);
    const deviceId = `in-${host ?? 'plain'}`;
    const token = { deviceId, key, ...(host === undefined ? {} : { host: `${bench.address}:${bench.ports.https}` }) };
    const client = await connect({ deviceId, password: await deviceToken(bench, token) });
    expect(client.connected).toBe(true);
  });

  it('a device with its secondary key', async () => {
    await createDevice('second');
    const { authentication } = (await identity('second')) as unknown as {
      authentication: { symmetricKey: { secondaryKey: string } };
    };
    const client = await connectByKey('second', authentication.symmetricKey.secondaryKey);
    expect(client.connected).toBe(true);
  });

  it.each(['sha1', 'sha256'] as const)('a device with the certificate of its %s thumbprint', async (digest) => {
    const files = selfSigned(`x-${digest}`);
    const x509Thumbprint = { primaryThumbprint: files[digest].toLowerCase() };
    await createDevice(`x-${digest}`, { authentication: { type: 'selfSigned', x509Thumbprint } });
    const client = await connect({ deviceId: `x-${digest}`, cert: files.cert, key: files.key });
    expect(client.connected).toBe(true);
  });

  it('nobody else', async () => {
    const { key } = await createDevice('guarded');
    const other = await createDevice('other-key');
    const mine = selfSigned('guarded-x');
    const theirs = selfSigned('guarded-x');
    const x509Thumbprint = { primaryThumbprint: mine.sha256, secondaryThumbprint: mine.sha256 };
    await createDevice('guarded-x', { authentication: { type: 'selfSigned', x509Thumbprint } });
    await createDevice('asleep', { status: 'disabled' });
    const asleep = (await identity('asleep')) as unknown as {
      authentication: { symmetricKey: { primaryKey: string } };
    };
    const good = { deviceId: 'guarded', key };
    const logins: DeviceLogin[] = [
      { deviceId: 'guarded' },
      { deviceId: 'guarded', password: 'guess' },
      { deviceId: 'guarded', password: await deviceToken(bench, { ...good, key: other.key }) },
      { deviceId: 'guarded', password: await deviceToken(bench, { ...good, lifeS: -600 }) },
      { deviceId: 'guarded', password: await deviceToken(bench, { ...good, host: 'other.example' }) },
      { deviceId: 'guarded', password: await deviceToken(bench, { ...good, deviceId: 'other-key' }) },
      { deviceId: 'guarded', password: await deviceToken(bench, good), userName: `${bench.address}/other-key` },
      { deviceId: 'guarded', cert: mine.cert, key: mine.key },
      { deviceId: 'guarded-x' },
      { deviceId: 'guarded-x', cert: theirs.cert, key: theirs.key },
      { deviceId: 'unknown', password: await deviceToken(bench, { deviceId: 'unknown', key }) },
      {
        deviceId: 'asleep',
        password: await deviceToken(bench, { deviceId: 'asleep', key: asleep.authentication.symmetricKey.primaryKey }),
      },
    ];
    const refused = await Promise.allSettled(logins.map((login) => connectDevice(bench, login)));
    const codes = refused.map((each) => (each.status === 'rejected' ? (each.reason as { code?: number }).code : 'in'));
    // MQTT 3.1.1 table 3.1: 5 not authorized, 4 bad user name or password
    expect(codes).toEqual([5, 5, 5, 5, 5, 5, 4, 5, 5, 5, 5, 5]);
    // the same device with what is right, so that the refusals above mean something
    const right = await connect({ deviceId: 'guarded', password: await deviceToken(bench, good) });
    expect(right.connected).toBe(true);
  });

  it('no service with another key, and none without a token', async () => {
    const path = '/devices/guarded';
    expect(await bench.stranger.call({ method: 'GET', path })).toMatchObject({ fault: { code: 'call-unauthorized' } });
  });
});

describe('a connection', () => {
  it('shows in the registry, with what the device said last', async () => {
    const { key } = await createDevice('talker');
    const client = await connectByKey('talker', key);
    await client.publishAsync('devices/talker/messages/events/kind=hello', '{"t":21}', { qos: 1 });
    expect(await identity('talker')).toMatchObject({ connectionState: 'Connected' });
    const path = '/benchline/v1/devices/talker/messages';
    await vi.waitFor(async () => {
      const reply = must(await bench.registry.call({ method: 'GET', path }));
      expect(reply.json).toMatchObject([{ properties: { kind: 'hello' }, payload: '{"t":21}' }]);
    });
    await client.endAsync();
    await vi.waitFor(async () => {
      expect(await identity('talker')).toMatchObject({ connectionState: 'Disconnected' });
    });
    expect((await identity('talker'))['lastActivityTime']).not.toMatch(/^0001/);
  });

  it('is ended by a second one of the same device, which stays', async () => {
    const { key } = await createDevice('twice');
    const first = await connectByKey('twice', key);
    const ended = closeOf(first);
    const second = await connectByKey('twice', key);
    await ended;
    await second.publishAsync('devices/twice/messages/events/', 'still here', { qos: 1 });
    expect(second.connected).toBe(true);
    expect(await identity('twice')).toMatchObject({ connectionState: 'Connected' });
    const third = await connectByKey('twice', key);
    await vi.waitFor(() => expect(second.connected).toBe(false));
    expect(third.connected).toBe(true);
  });

  it.each([
    ['QoS 2', { topic: 'devices/strict-0/messages/events/', payload: 'x', qos: 2 as const }],
    ['a message for another device', { topic: 'devices/twice/messages/events/', payload: 'x', qos: 1 as const }],
    ['a topic it does not know', { topic: 'free/speech', payload: 'x', qos: 0 as const }],
    ['more than 256 kB', { topic: 'devices/strict-3/messages/events/', payload: 'x'.repeat(262_145), qos: 0 as const }],
    [
      'more than a packet may hold',
      { topic: 'devices/strict-4/messages/events/', payload: 'x'.repeat(400_000), qos: 0 as const },
    ],
  ])('is ended by %s', async (what, { topic, payload, qos }) => {
    const at = ['QoS 2', 'a message for another device', 'a topic it does not know', 'more than 256 kB'].indexOf(what);
    const deviceId = `strict-${at < 0 ? 4 : at}`;
    const { key } = await createDevice(deviceId);
    const client = await connectByKey(deviceId, key);
    const closed = closeOf(client);
    client.publish(topic, payload, { qos });
    await closed;
    expect(client.connected).toBe(false);
  });

  it('carries 256 kB', async () => {
    const { key } = await createDevice('loud');
    const client = await connectByKey('loud', key);
    await client.publishAsync('devices/loud/messages/events/', Buffer.alloc(262_144), { qos: 1 });
    expect(client.connected).toBe(true);
  });

  it('ends when the device is disabled, removed, or given other keys', async () => {
    const changes = [
      ['PUT', { status: 'disabled' }],
      [
        'PUT',
        { authentication: { type: 'sas', symmetricKey: { primaryKey: Buffer.alloc(32, 7).toString('base64') } } },
      ],
      ['DELETE', undefined],
    ] as const;
    for (const [at, [method, json]] of changes.entries()) {
      const { key } = await createDevice(`fired-${at}`);
      const client = await connectByKey(`fired-${at}`, key);
      const closed = closeOf(client);
      must(await bench.registry.call({ method, path: `/devices/fired-${at}`, json, headers: { 'if-match': '"*"' } }));
      await closed;
      expect(client.connected).toBe(false);
    }
  });

  it('subscribes to what is its own, and to nothing else', async () => {
    const { key } = await createDevice('curious');
    const client = await connectByKey('curious', key);
    const [own] = await client.subscribeAsync('$iothub/twin/res/#', { qos: 1 });
    expect(own).toMatchObject({ qos: 1 });
    await expect(client.subscribeAsync('devices/#')).rejects.toThrow('Subscribe error');
  });
});

describe('a twin', () => {
  it('is read and reported, each answer with its request id', async () => {
    const { key } = await createDevice('twin');
    const client = await connectByKey('twin', key);
    await client.subscribeAsync('$iothub/twin/res/#');
    const read = nextMessage(client);
    client.publish('$iothub/twin/GET/?$rid=a1', ' ');
    expect(await read).toEqual({
      topic: '$iothub/twin/res/200/?$rid=a1',
      body: { desired: { $version: 1 }, reported: { $version: 1 } },
    });
    const reported = nextMessage(client);
    client.publish('$iothub/twin/PATCH/properties/reported/?$rid=a2', '{"fw":"1.2"}');
    expect(await reported).toEqual({ topic: '$iothub/twin/res/204/?$rid=a2&$version=2', body: undefined });
    const refused = nextMessage(client);
    client.publish('$iothub/twin/PATCH/properties/reported/?$rid=a3', '[1]');
    expect(await refused).toMatchObject({ topic: '$iothub/twin/res/400/?$rid=a3', body: { errorCode: 400001 } });
  });

  it('tells a connected device what is desired of it, and no other device', async () => {
    const { key } = await createDevice('wanted');
    const other = await createDevice('bystander');
    const client = await connectByKey('wanted', key);
    const bystander = await connectByKey('bystander', other.key);
    const heard: string[] = [];
    bystander.on('message', (topic) => heard.push(topic));
    for (const each of [client, bystander]) await each.subscribeAsync('$iothub/twin/PATCH/properties/desired/#');
    const told = nextMessage(client);
    const json = { properties: { desired: { interval: 30, old: null } } };
    must(await bench.registry.call({ method: 'PATCH', path: '/twins/wanted', json, headers: { 'if-match': '"*"' } }));
    expect(await told).toEqual({
      topic: '$iothub/twin/PATCH/properties/desired/?$version=2',
      body: { interval: 30, old: null, $version: 2 },
    });
    expect(heard).toEqual([]);
  });

  it('keeps the subscriptions of a kept session through a reconnect and through a restart of the hub', async () => {
    const { key } = await createDevice('keeper');
    const first = await connectByKey('keeper', key);
    await first.subscribeAsync(['$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#']);
    await first.unsubscribeAsync('$iothub/twin/PATCH/properties/desired/#');
    await first.endAsync();
    for (const restarted of [false, true]) {
      if (restarted) await bench.restart();
      const again = await connectByKey('keeper', key);
      const read = nextMessage(again);
      again.publish('$iothub/twin/GET/?$rid=r', ' ');
      expect((await read).topic).toBe('$iothub/twin/res/200/?$rid=r');
      await again.endAsync();
    }
    // a clean session forgets them
    const clean = await connectByKey('keeper', key, { clean: true });
    await clean.endAsync();
    const heard: string[] = [];
    const last = await connectByKey('keeper', key);
    last.on('message', (topic) => heard.push(topic));
    last.publish('$iothub/twin/GET/?$rid=none', ' ');
    // the PUBACK of a later message shows that the earlier one was dealt with
    await last.publishAsync('devices/keeper/messages/events/', 'x', { qos: 1 });
    expect(heard).toEqual([]);
  });
});
