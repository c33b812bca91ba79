import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { openHubBench, selfSigned, type HubBench } from './hub-bench.ts';
import { closeOf, hubDevices, nextMessage, webCall, type HubDevices, type WebAnswer } from './hub-devices.ts';

let bench: HubBench;
let devices: HubDevices;

beforeAll(async () => {
  bench = await openHubBench();
  devices = hubDevices(bench);
});

afterAll(async () => {
  devices.close();
  await bench.close();
});

async function invoke(deviceId: string, more: object = {}): Promise<{ status: number; json: Record<string, unknown> }> {
  const body = JSON.stringify({ methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 5, ...more });
  const { status, text } = await devices.service({ method: 'POST', path: `/twins/${deviceId}/methods`, body });
  return { status, json: JSON.parse(text) as Record<string, unknown> };
}

/** Answers every method call as `respond` says. */
function answerMethods(client: MqttClient, respond: (topic: string, text: string) => [number, string]): void {
  client.on('message', (topic, payload) => {
    if (!topic.startsWith('$iothub/methods/POST/')) return;
    const [status, text] = respond(topic, payload.toString());
    client.publish(`$iothub/methods/res/${status}/${topic.slice(topic.indexOf('?'))}`, text, { qos: 0 });
  });
}

async function enqueue(deviceId: string, body: string, headers: Record<string, string> = {}): Promise<unknown> {
  const path = `/devices/${deviceId}/messages/devicebound`;
  const { status, text } = await devices.service({ method: 'POST', path, body, headers });
  expect(status).toBe(200);
  return JSON.parse(text);
}

describe('a direct method over MQTT', () => {
  it('is answered by the device with a status and a payload', async () => {
    const key = await devices.create('caller');
    const client = await devices.connectByKey('caller', key);
    await client.subscribeAsync('$iothub/methods/POST/#');
    const heard: string[] = [];
    answerMethods(client, (topic, text) => {
      heard.push(topic.replace(/\$rid=[0-9a-f]{16}$/, '$rid=...'), text);
      return [201, '{"done":true}'];
    });
    expect(await invoke('caller')).toEqual({ status: 200, json: { status: 201, payload: { done: true } } });
    expect(heard).toEqual(['$iothub/methods/POST/reboot/?$rid=...', '{"in":5}']);
  });

  it('is for the device that asked for calls, also after a reconnect without subscribing anew', async () => {
    const key = await devices.create('again');
    const first = await devices.connectByKey('again', key);
    await first.subscribeAsync('$iothub/methods/POST/#');
    await first.endAsync();
    const second = await devices.connectByKey('again', key);
    answerMethods(second, () => [200, '"back"']);
    expect((await invoke('again')).json).toEqual({ status: 200, payload: 'back' });
    await second.unsubscribeAsync('$iothub/methods/POST/#');
    expect(await invoke('again')).toMatchObject({ status: 404 });
  });

  it('waits for the device as long as the caller says', async () => {
    const key = await devices.create('late');
    const called = invoke('late', { connectTimeoutInSeconds: 30 });
    const client = await devices.connectByKey('late', key);
    answerMethods(client, () => [200, '']);
    await client.subscribeAsync('$iothub/methods/POST/#');
    expect((await called).json).toEqual({ status: 200, payload: null });
  });

  it('is 404 for a device that is not there or not connected, 504 for one that does not answer', async () => {
    const key = await devices.create('mute');
    const client = await devices.connectByKey('mute', key);
    await client.subscribeAsync('$iothub/methods/POST/#');
    await devices.create('off');
    expect(await Promise.all(['nobody', 'off', 'mute'].map((deviceId) => invoke(deviceId)))).toMatchObject([
      {
        status: 404,
        json: { errorCode: 404001, Message: expect.stringMatching(/^ErrorCode:DeviceNotFound;/) as string },
      },
      { status: 404, json: { errorCode: 404103 } },
      { status: 504, json: { errorCode: 504101 } },
    ]);
  });

  it('is refused with a pace beyond 16 open ones of a device, and none of those is lost', async () => {
    const key = await devices.create('busy');
    const calls = Array.from({ length: 17 }, (_, n) => invoke('busy', { payload: n, connectTimeoutInSeconds: 60 }));
    expect(await Promise.race(calls)).toMatchObject({ status: 429, json: { errorCode: 429001 } });
    const client = await devices.connectByKey('busy', key);
    answerMethods(client, (_topic, text) => [200, text]);
    await client.subscribeAsync('$iothub/methods/POST/#');
    const statuses = (await Promise.all(calls)).map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array.from({ length: 16 }, () => 200), 429]);
  });

  it('does not hold up the stop of its hub, however long its caller would wait', async () => {
    await devices.create('waited-for');
    const calls = Array.from({ length: 17 }, () => invoke('waited-for', { connectTimeoutInSeconds: 300 }));
    const ends = Promise.allSettled(calls);
    // one is refused once the other sixteen are open
    expect(await Promise.race(calls)).toMatchObject({ status: 429 });
    await bench.restart();
    const codes = (await ends).map((end) => end.status === 'rejected' && (end.reason as { code: string }).code);
    expect(codes.filter((code) => code === 'ECONNRESET')).toHaveLength(16);
  });

  it.each([
    ['no name', { methodName: '' }],
    ['a name that is no level of a topic', { methodName: 'a/b' }],
    ['a time-out below five seconds', { responseTimeoutInSeconds: 4 }],
    ['a time-out above 300 seconds', { connectTimeoutInSeconds: 301 }],
    ['a time-out that is no number', { responseTimeoutInSeconds: '30' }],
    ['more than 128 kB', { payload: 'x'.repeat(131_072) }],
  ])('is refused with %s', async (_what, wrong) => {
    await devices.create('strict').catch(() => 'it is there');
    expect((await invoke('strict', wrong)).status).toBe('payload' in wrong ? 413 : 400);
  });
});

describe('a message to a device over MQTT', () => {
  it('arrives with its properties and is gone with the PUBACK', async () => {
    const key = await devices.create('listener');
    const client = await devices.connectByKey('listener', key);
    await client.subscribeAsync('devices/listener/messages/devicebound/#', { qos: 1 });
    const heard = nextMessage(client);
    const headers = { 'iothub-messageid': 'm 1', 'iothub-app-Kind': 'a&b', 'iothub-correlationid': 'c' };
    expect(await enqueue('listener', 'hello', headers)).toMatchObject({ messageId: 'm 1' });
    const { topic, text } = await heard;
    expect(text).toBe('hello');
    const [, bag = ''] = /^devices\/listener\/messages\/devicebound\/(.*)$/.exec(topic) ?? [];
    expect(Object.fromEntries(new URLSearchParams(bag))).toMatchObject({
      '$.mid': 'm 1',
      '$.cid': 'c',
      '$.to': '/devices/listener/messages/devicebound',
      '$.exp': expect.stringMatching(/^\d{4}-/) as string,
      Kind: 'a&b',
    });
    // an answer after the PUBACK shows that it was dealt with
    await client.publishAsync('devices/listener/messages/events/', 'x', { qos: 1 });
    expect(await devices.identity('listener')).toMatchObject({ cloudToDeviceMessageCount: 0 });
  });

  it('waits on disk for a device that is away, through a restart of the hub, and arrives without subscribing anew', async () => {
    const key = await devices.create('away');
    const first = await devices.connectByKey('away', key);
    await first.subscribeAsync('devices/away/messages/devicebound/#', { qos: 1 });
    await first.endAsync();
    for (const text of ['one', 'two', 'three']) await enqueue('away', text);
    expect(await devices.identity('away')).toMatchObject({ cloudToDeviceMessageCount: 3 });
    await bench.restart();
    const heard: string[] = [];
    const all = new Promise<void>((resolve) => {
      void devices.connectByKey('away', key, {
        onMessage: (_topic, text) => {
          heard.push(text);
          if (heard.length === 3) resolve();
        },
      });
    });
    await all;
    expect(heard).toEqual(['one', 'two', 'three']);
  });

  it('goes by QoS 0 to a device that asked so, and is done when it is sent', async () => {
    const key = await devices.create('casual');
    const client = await devices.connectByKey('casual', key);
    await client.subscribeAsync('devices/casual/messages/devicebound/#', { qos: 0 });
    const heard: string[] = [];
    const both = new Promise<void>((resolve) => {
      client.on('message', (_topic, payload, { qos }) => {
        heard.push(`${payload.toString()} by ${qos}`);
        if (heard.length === 2) resolve();
      });
    });
    for (const text of ['a', 'b']) await enqueue('casual', text);
    await both;
    expect(heard).toEqual(['a by 0', 'b by 0']);
    expect(await devices.identity('casual')).toMatchObject({ cloudToDeviceMessageCount: 0 });
  });

  it('is not sent to a device that no longer asks for messages', async () => {
    const key = await devices.create('deaf');
    const client = await devices.connectByKey('deaf', key);
    const filter = 'devices/deaf/messages/devicebound/#';
    await client.subscribeAsync(filter, { qos: 1 });
    await client.unsubscribeAsync(filter);
    await enqueue('deaf', 'unheard');
    expect(await devices.identity('deaf')).toMatchObject({ cloudToDeviceMessageCount: 1 });
    const heard = nextMessage(client);
    await client.subscribeAsync(filter, { qos: 1 });
    expect(await heard).toMatchObject({ text: 'unheard' });
  });

  it('comes again to a device that left without acknowledging it', async () => {
    const key = await devices.create('crash');
    const first = await devices.connectByKey('crash', key);
    await first.subscribeAsync('devices/crash/messages/devicebound/#', { qos: 1 });
    const heard = new Promise<void>((resolve) => {
      // takes it, and dies before the PUBACK
      first.handleMessage = () => {
        first.stream.destroy();
        resolve();
      };
    });
    await enqueue('crash', 'again');
    await heard;
    let text = '';
    await new Promise<void>((resolve) => {
      void devices.connectByKey('crash', key, {
        onMessage: (_topic, said) => {
          text = said;
          resolve();
        },
      });
    });
    expect(text).toBe('again');
  });
});

describe('over HTTPS a device', () => {
  it('sends telemetry with its properties, one by one and in a batch', async () => {
    const key = await devices.create('web');
    const path = '/devices/web/messages/events?api-version=2021-04-12';
    const headers = { 'iothub-app-kind': 'hello', 'IoTHub-MessageId': 'm1', 'iothub-contenttype': 'text/plain' };
    expect(await devices.web('web', key, { method: 'POST', path, headers, body: 'warm' })).toMatchObject({
      status: 204,
    });
    const body = JSON.stringify([
      { body: Buffer.from('one').toString('base64'), properties: { 'iothub-app-n': '1' } },
      { body: 'two', base64Encoded: false },
    ]);
    const batch = { 'content-type': 'application/vnd.microsoft.iothub.json' };
    expect(await devices.web('web', key, { method: 'POST', path, headers: batch, body })).toMatchObject({
      status: 204,
    });
    const last = must(await bench.registry.call({ method: 'GET', path: '/benchline/v1/devices/web/messages' }));
    expect(last.json).toMatchObject([
      {
        payload: 'warm',
        properties: { kind: 'hello' },
        systemProperties: { messageId: 'm1', contentType: 'text/plain' },
      },
      { payload: 'one', properties: { n: '1' } },
      { payload: 'two' },
    ]);
    expect((await devices.identity('web'))['lastActivityTime']).not.toMatch(/^0001/);
  });

  it('receives messages, and completes, abandons and rejects them by their lock tokens', async () => {
    const key = await devices.create('puller');
    const path = '/devices/puller/messages/devicebound';
    const ask = (method: string, more = ''): Promise<WebAnswer> =>
      devices.web('puller', key, { method, path: `${path}${more}` });
    const pull = async (): Promise<{ text: string; lock: string; headers: WebAnswer['headers'] }> => {
      const { headers, text } = await ask('GET', '?api-version=2021-04-12');
      return { text, headers, lock: String(headers['etag']).slice(1, -1) };
    };
    expect(await ask('GET')).toMatchObject({ status: 204, text: '' });
    for (const text of ['a', 'b']) await enqueue('puller', text, { 'iothub-app-kind': 'a b' });
    const a = await pull();
    const b = await pull();
    expect([a.text, b.text]).toEqual(['a', 'b']);
    expect(a.headers).toMatchObject({ 'iothub-app-kind': 'a b', 'iothub-deliverycount': '0' });
    expect(await ask('GET')).toMatchObject({ status: 204 });
    expect(await ask('POST', `/${a.lock}/abandon`)).toMatchObject({ status: 204 });
    expect(await ask('DELETE', `/${b.lock}?api-version=2021-04-12&reject`)).toMatchObject({ status: 204 });
    const again = await pull();
    expect(again).toMatchObject({ text: 'a', headers: { 'iothub-deliverycount': '1' } });
    expect(await ask('DELETE', `/${a.lock}`)).toMatchObject({ status: 412 });
    expect(await ask('DELETE', `/${again.lock}`)).toMatchObject({ status: 204 });
    expect(await devices.identity('puller')).toMatchObject({ cloudToDeviceMessageCount: 0 });
  });

  it('proves itself by its certificate when it shows no token', async () => {
    const files = selfSigned('web-x');
    const x509Thumbprint = { primaryThumbprint: files.sha256 };
    await devices.create('web-x', { authentication: { type: 'selfSigned', x509Thumbprint } });
    const call = { method: 'POST', path: '/devices/web-x/messages/events', body: 'x' };
    expect(await webCall(bench, { ...call, cert: files.cert, key: files.key })).toMatchObject({ status: 204 });
    expect(await webCall(bench, call)).toMatchObject({
      status: 401,
      headers: { 'iothub-errorcode': 'IotHubUnauthorizedAccess' },
    });
  });

  it.each([
    ['another device’s messages', 401, { method: 'POST', path: '/devices/web/messages/events' }],
    ['a message to itself', 401, { method: 'POST', path: '/devices/web-strict/messages/devicebound' }],
    ['the registry', 401, { method: 'GET', path: '/devices/web-strict' }],
    [
      'more than 256 kB',
      413,
      { method: 'POST', path: '/devices/web-strict/messages/events', body: 'x'.repeat(262_145) },
    ],
    ['a batch that is none', 400, { ...batchOf('{"body":"eA=="}') }],
    ['an empty batch', 400, { ...batchOf('[]') }],
    ['a batch of no base64', 400, { ...batchOf('[{"body":"eA=="},{"body":"?"}]') }],
    ['a batch nested without end', 400, { ...batchOf('['.repeat(100_000)) }],
    ['a batch of 501', 400, { ...batchOf(JSON.stringify(Array.from({ length: 501 }, () => ({ body: '' })))) }],
  ])('is refused %s', async (_what, status, call) => {
    const key = await devices.create('web-strict').catch(async () => keyOf('web-strict'));
    expect(await devices.web('web-strict', key, call)).toMatchObject({ status });
  });

  it('is refused when it is disabled', async () => {
    const key = await devices.create('web-off', { status: 'disabled' });
    const call = { method: 'GET', path: '/devices/web-off/messages/devicebound' };
    expect(await devices.web('web-off', key, call)).toMatchObject({ status: 401 });
  });
});

function batchOf(body: string) {
  const headers = { 'content-type': 'application/vnd.microsoft.iothub.json' };
  return { method: 'POST', path: '/devices/web-strict/messages/events', headers, body };
}

async function keyOf(deviceId: string): Promise<string> {
  const { authentication } = (await devices.identity(deviceId)) as unknown as {
    authentication: { symmetricKey: { primaryKey: string } };
  };
  return authentication.symmetricKey.primaryKey;
}

describe('a device’s model', () => {
  it('is kept from its user name and shown in its twin; what is no model is passed over', async () => {
    const key = await devices.create('modelled');
    const model = async (): Promise<unknown> => {
      const { text } = await devices.service({ method: 'GET', path: '/twins/modelled' });
      return (JSON.parse(text) as { modelId: string }).modelId;
    };
    const named = (modelId: string): string =>
      `${bench.address}/modelled/?api-version=2020-09-30&model-id=${encodeURIComponent(modelId)}`;
    for (const modelId of ['dtmi:com:example:Thermostat;1', 'dtmi:no model']) {
      await devices.connectByKey('modelled', key, { userName: named(modelId) });
      expect(await model()).toBe('dtmi:com:example:Thermostat;1');
    }
  });
});

describe('the end of a token', () => {
  it('is the end of its connection', async () => {
    const key = await devices.create('short');
    // within the five minutes that clocks may differ, so that it is let in and has two seconds left
    const client = await devices.connectByKey('short', key, { lifeS: -298 });
    const closed = closeOf(client);
    await closed;
    expect(client.connected).toBe(false);
  });
});
