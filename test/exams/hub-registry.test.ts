import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHubBench, type HubBench } from './hub-bench.ts';
import { closeOf, hubDevices, webCall, type HubDevices } from './hub-devices.ts';

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

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly json: unknown;
}

async function ask(method: string, path: string, json?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const body = typeof json === 'string' ? json : JSON.stringify(json);
  const reply = await devices.service({ method, path, headers, ...(json === undefined ? {} : { body }) });
  return { ...reply, json: reply.text === '' ? undefined : JSON.parse(reply.text) };
}

describe('the registry', () => {
  it('does every import mode, by etag where the mode says so', async () => {
    await devices.create('mode-old', {});
    const before = await devices.identity('mode-old');
    const etag = String(before['etag']);
    const twinEtag = (await ask('GET', '/twins/mode-old')).json as { etag: string };
    const bulk = async (...items: object[]): Promise<readonly string[]> => {
      const { json } = await ask('POST', '/devices?api-version=2021-04-12', items);
      return (json as { errors: { deviceId: string; errorCode: number }[] }).errors.map(
        (error) => `${error.deviceId} ${error.errorCode}`,
      );
    };
    const tags = { site: 'b2' };
    expect(
      await bulk(
        { id: 'mode-old', importMode: 'updateIfMatchETag', etag, statusReason: 'seen' },
        { id: 'mode-old', importMode: 'updateIfMatchETag', etag, statusReason: 'stale' },
        { id: 'mode-old', importMode: 'updateTwinIfMatchETag', etag: twinEtag.etag, tags },
        { id: 'mode-old', importMode: 'updateTwinIfMatchETag', etag: twinEtag.etag, tags: { site: 'stale' } },
        { id: 'mode-old', importMode: 'createOrUpdateIfMatchETag', etag, status: 'disabled' },
        { id: 'mode-old', importMode: 'deleteIfMatchETag', etag },
      ),
    ).toEqual(['mode-old 412001', 'mode-old 412001', 'mode-old 412001', 'mode-old 412001']);
    expect(await devices.identity('mode-old')).toMatchObject({ status: 'enabled', statusReason: 'seen' });
    expect(
      await bulk(
        { id: 'mode-new', importMode: 'create' },
        { id: 'mode-new', importMode: 'create' },
        { id: 'mode-old', importMode: 'update', status: 'disabled' },
        { id: 'mode-other', importMode: 'update' },
        { id: 'mode-made', importMode: 'createOrUpdate', tags, properties: { desired: { n: 1 } } },
        { id: 'mode-also', importMode: 'createOrUpdateIfMatchETag' },
        { id: 'mode-new', importMode: 'updateTwin', tags },
        { id: 'mode-also', importMode: 'delete' },
        { id: 'mode-also', importMode: 'delete' },
      ),
    ).toEqual(['mode-new 409001', 'mode-other 404001', 'mode-also 404001']);
    expect(await devices.identity('mode-old')).toMatchObject({ status: 'disabled' });
    expect((await ask('GET', '/twins/mode-made')).json).toMatchObject({ tags, properties: { desired: { n: 1 } } });
    expect((await ask('GET', '/twins/mode-new')).json).toMatchObject({ tags });
    const many = Array.from({ length: 101 }, (_, at) => ({ id: `many-${at}`, importMode: 'create' }));
    expect(await ask('POST', '/devices', many)).toMatchObject({ status: 400, json: { errorCode: 400001 } });
  });

  it('finds devices by what they are, page by page', async () => {
    const key = await devices.create('query-a');
    for (const id of ['query-b', 'query-c', 'query-d']) await devices.create(id);
    for (const [id, line] of Object.entries({ 'query-a': 1, 'query-b': 2, 'query-c': 1, 'query-d': 1 })) {
      await ask('PATCH', `/twins/${id}`, { tags: { line } });
    }
    await devices.connectByKey('query-a', key);
    const find = async (where: string, size = '2'): Promise<string[][]> => {
      const pages: string[][] = [];
      let continuation: string | undefined;
      do {
        const headers = { 'x-ms-max-item-count': size, ...(continuation && { 'x-ms-continuation': continuation }) };
        const reply = await ask('POST', '/devices/query', { query: `SELECT * FROM devices WHERE ${where}` }, headers);
        expect(reply).toMatchObject({ status: 200, headers: { 'x-ms-item-type': 'twin' } });
        pages.push((reply.json as { deviceId: string }[]).map(({ deviceId }) => deviceId));
        continuation = reply.headers['x-ms-continuation'] as string | undefined;
      } while (continuation !== undefined);
      return pages;
    };
    expect((await find('tags.line = 1')).filter((page) => page.length > 0)).toEqual([
      ['query-a', 'query-c'],
      ['query-d'],
    ]);
    expect(await find("tags.line = 1 AND connectionState = 'Connected'", '100')).toEqual([['query-a']]);
    expect(await find("deviceId = 'query-b' AND tags.line = 1")).toEqual([[]]);
    expect(await ask('POST', '/devices/query', { query: 'SELECT deviceId FROM devices' })).toMatchObject({
      status: 400,
      json: { Message: expect.stringMatching(/^ErrorCode:ArgumentInvalid;/) as string },
    });
  });

  it('counts its devices and those that are connected', async () => {
    const { json } = await ask('GET', '/statistics/devices');
    const counts = json as Record<'totalDeviceCount' | 'enabledDeviceCount' | 'disabledDeviceCount', number>;
    expect(counts.totalDeviceCount).toBe(counts.enabledDeviceCount + counts.disabledDeviceCount);
    const before = (await ask('GET', '/statistics/service')).json as { connectedDeviceCount: number };
    await devices.connectByKey('counted', await devices.create('counted'));
    expect((await ask('GET', '/statistics/service')).json).toEqual({
      connectedDeviceCount: before.connectedDeviceCount + 1,
    });
  });

  it('gives a device the keys it is told, and ends the connection that was made with the old ones', async () => {
    const key = await devices.create('rekeyed');
    const client = await devices.connectByKey('rekeyed', key);
    const closed = closeOf(client);
    const fresh = Buffer.alloc(32, 9).toString('base64');
    const symmetricKey = { primaryKey: fresh, secondaryKey: fresh };
    const body = { deviceId: 'rekeyed', authentication: { type: 'sas', symmetricKey } };
    expect((await ask('PUT', '/devices/rekeyed', body, { 'if-match': '"*"' })).status).toBe(200);
    await closed;
    expect((await devices.connectByKey('rekeyed', fresh)).connected).toBe(true);
    await expect(devices.connectByKey('rekeyed', key)).rejects.toThrow('Not authorized');
  });

  it('answers in the words that the SDKs look for', async () => {
    expect(await ask('GET', '/devices/not-there')).toMatchObject({
      status: 404,
      headers: { 'content-type': 'application/json; charset=utf-8', 'iothub-errorcode': 'DeviceNotFound' },
      json: {
        Message: expect.stringMatching(/^ErrorCode:DeviceNotFound;[^;]+$/) as string,
        ExceptionMessage: expect.stringMatching(/^Tracking ID:[0-9a-f-]{36}-TimeStamp:\d{4}-/) as string,
        errorCode: 404001,
      },
    });
    expect((await webCall(bench, { method: 'GET', path: '/devices/not-there' })).status).toBe(401);
    expect((await ask('POST', '/jobs/create', {})).status).toBe(404);
  });
});

describe('a twin', () => {
  it('is merged by PATCH and replaced by PUT, and changed only by who has seen it last', async () => {
    await devices.create('merged');
    const first = await ask('PATCH', '/twins/merged', {
      tags: { a: 1, b: 2 },
      properties: { desired: { x: 1, y: 1 } },
    });
    const etag = String(first.headers['etag']);
    const second = await ask(
      'PATCH',
      '/twins/merged',
      { tags: { a: null }, properties: { desired: { y: null } } },
      { 'if-match': etag },
    );
    expect(second).toMatchObject({
      status: 200,
      json: { version: 3, tags: { b: 2 }, properties: { desired: { x: 1, $version: 3 } } },
    });
    expect((second.json as { tags: object }).tags).not.toHaveProperty('a');
    expect(await ask('PUT', '/twins/merged', { tags: { c: 3 } }, { 'if-match': etag })).toMatchObject({ status: 412 });
    const third = await ask(
      'PUT',
      '/twins/merged',
      { tags: { c: 3 }, properties: { desired: {} } },
      { 'if-match': '"*"' },
    );
    expect(third).toMatchObject({ json: { tags: { c: 3 }, properties: { desired: { $version: 4 } } } });
    expect((third.json as { properties: { desired: object } }).properties.desired).not.toHaveProperty('x');
  });

  it.each([
    ['tags of more than 8 kB', { tags: { big: 'x'.repeat(8_192) } }],
    ['desired properties of more than 32 kB', { properties: { desired: { big: 'x'.repeat(32_768) } } }],
    ['eleven levels', { tags: nested(11) }],
    ['sixty thousand levels of objects', `{"tags":${'{"a":'.repeat(60_000)}1${'}'.repeat(60_000)}}`],
    ['a million brackets', '['.repeat(1_000_000)],
    ['no JSON', '{"tags":'],
    ['a list', '[]'],
    ['a name with a dot', { tags: { 'a.b': 1 } }],
  ])('is refused %s, whole', async (_what, body) => {
    await devices.create('bounded').catch(() => 'it is there');
    const before = await ask('GET', '/twins/bounded');
    expect(await ask('PATCH', '/twins/bounded', body)).toMatchObject({ status: 400, json: { errorCode: 400001 } });
    expect((await ask('GET', '/twins/bounded')).json).toEqual(before.json);
  });

  it('is refused to a device that reports too much, over MQTT', async () => {
    const client = await devices.connectByKey('reporter', await devices.create('reporter'));
    await client.subscribeAsync('$iothub/twin/res/#');
    const statuses: string[] = [];
    const both = new Promise<void>((resolve) => {
      client.on('message', (topic, payload) => {
        statuses.push(`${topic} ${payload.toString().slice(0, 18)}`);
        if (statuses.length === 2) resolve();
      });
    });
    client.publish('$iothub/twin/PATCH/properties/reported/?$rid=1', JSON.stringify({ big: 'x'.repeat(32_768) }));
    client.publish('$iothub/twin/PATCH/properties/reported/?$rid=2', '{"a":'.repeat(20_000));
    await both;
    expect(statuses).toEqual([
      '$iothub/twin/res/400/?$rid=1 {"errorCode":40000',
      '$iothub/twin/res/400/?$rid=2 {"errorCode":40000',
    ]);
  });

  it('refuses a body of more than 4 MB before it is read', async () => {
    expect(await ask('POST', '/devices', 'x'.repeat(4_194_305))).toMatchObject({
      status: 413,
      json: { errorCode: 413001 },
    });
  });
});

function nested(levels: number): object {
  return levels === 1 ? { a: 1 } : { a: nested(levels - 1) };
}
