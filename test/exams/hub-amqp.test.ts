/** A hub over AMQP, frame by frame: what the SDKs of other languages send, and what nobody should. */
import { connect } from 'node:tls';
import rhea, { type Connection, type ConnectionOptions, type EventContext } from 'rhea';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  amqpHeader,
  attach,
  begin,
  credit,
  frame,
  frames,
  messages,
  open,
  rawAmqp,
  saslFrame,
  saslHeader,
  transfer,
  type RawAmqp,
} from './amqp-raw.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { deviceToken, openHubBench, selfSigned, type HubBench } from './hub-bench.ts';
import { hubDevices, type HubDevices } from './hub-devices.ts';

let bench: HubBench;
let devices: HubDevices;
const clients: { destroy(): void }[] = [];

beforeAll(async () => {
  bench = await openHubBench();
  devices = hubDevices(bench);
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  devices.close();
  await bench.close();
});

function dial(more: { cert?: string; key?: string } = {}): RawAmqp {
  const socket = connect({ host: bench.address, port: bench.ports.amqps, ca: bench.caPem, ...more });
  clients.push(socket);
  return rawAmqp(socket);
}

/** As C: a SASL mechanism that says nothing, then a claim. */
async function login(mechanism = 'MSSBCBS', initial?: Buffer): Promise<RawAmqp> {
  const client = dial();
  client.send(saslHeader, saslFrame(frames.sasl_init({ mechanism, ...(initial && { initial_response: initial }) })));
  expect((await client.until('outcome')).fields['code']).toBe(0);
  client.send(amqpHeader, open(), begin());
  await client.until('begin');
  return client;
}

interface Claimed {
  readonly status: unknown;
  readonly correlationId: unknown;
}

let linkCount = 0;
async function claim(client: RawAmqp, token: string, messageId: unknown = 'm-1'): Promise<Claimed> {
  linkCount += 1;
  client.send(
    attach({ name: `cbs-in-${linkCount}`, handle: 0, sends: true, address: '$cbs' }),
    attach({ name: `cbs-out-${linkCount}`, handle: 1, sends: false, address: '$cbs' }),
    credit(1),
    transfer(0, 0, putToken(token, messageId)),
  );
  const { payload } = await client.until('transfer');
  const answer = messages.decode(payload!);
  const { 'status-code': status } = answer['application_properties'] as Record<string, unknown>;
  return { status, correlationId: answer['correlation_id'] };
}

function putToken(token: string, messageId: unknown): Buffer {
  return messages.encode({
    message_id: messageId,
    to: '$cbs',
    reply_to: 'cbs',
    application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: 'x' },
    body: token,
  });
}

/** A device with its claim made; deliveries on its sending links go on from 1. */
async function device(deviceId: string, body: object = {}): Promise<RawAmqp> {
  const key = await devices.create(deviceId, body);
  const client = await login();
  expect((await claim(client, await deviceToken(bench, { deviceId, key }))).status).toBe(200);
  return client;
}

const addressOf = (deviceId: string, path: string): string => `amqps://${bench.address}/devices/${deviceId}/${path}`;

async function lastMessages(deviceId: string): Promise<unknown> {
  const path = `/benchline/v1/devices/${deviceId}/messages`;
  return JSON.parse((await devices.service({ method: 'GET', path })).text);
}

async function enqueue(deviceId: string, body: string): Promise<void> {
  const path = `/devices/${deviceId}/messages/devicebound`;
  await devices.service({ method: 'POST', path, body, headers: { 'iothub-app-kind': 'note' } });
}

async function stateOf(deviceId: string): Promise<unknown> {
  return (await devices.identity(deviceId))['connectionState'];
}

describe('a claim', () => {
  it('is answered with an int status and the message id as its own type', async () => {
    const key = await devices.create('claims');
    const client = await login();
    const token = await deviceToken(bench, { deviceId: 'claims', key });
    expect(await claim(client, token, 7)).toEqual({ status: 200, correlationId: 7 });
    expect(await stateOf('claims')).toBe('Connected');
  });

  it('that is wrong is answered 401 and opens no link, however the login went', async () => {
    const [key, other] = [await devices.create('wrong'), await devices.create('other')];
    const foreign = await deviceToken(bench, { deviceId: 'wrong', key: other });
    const over = await deviceToken(bench, { deviceId: 'wrong', key, lifeS: -600 });
    for (const token of ['', 'nonsense', foreign, over]) {
      const client = await login('ANONYMOUS');
      expect((await claim(client, token)).status).toBe(401);
      client.send(attach({ name: 'd2c', handle: 2, sends: true, address: addressOf('wrong', 'messages/events') }));
      expect((await client.until('detach')).fields['error']).toMatchObject({ condition: 'amqp:unauthorized-access' });
    }
  });

  it('of one device opens no link of another, none of a service, and none that is none', async () => {
    const client = await device('alone');
    await devices.create('neighbour');
    const places: readonly [string, boolean, string][] = [
      [addressOf('neighbour', 'messages/events'), true, 'amqp:unauthorized-access'],
      ['/messages/devicebound', true, 'amqp:unauthorized-access'],
      [addressOf('alone', 'messages/events'), false, 'amqp:not-found'],
      [addressOf('alone', 'files'), true, 'amqp:not-found'],
      [addressOf('alone', 'modules/m/messages/events'), true, 'amqp:not-found'],
    ];
    for (const [at, [address, sends, condition]] of places.entries()) {
      client.send(attach({ name: `l${at}`, handle: 2 + at, sends, address }));
      expect((await client.until('detach')).fields['error']).toMatchObject({ condition });
    }
  });

  it('is answered 403 when the connection carries 16 devices, and makes no device of a 17th', async () => {
    const ids = Array.from({ length: 17 }, (_, at) => `gateway-${at}`);
    const tokens = [];
    for (const deviceId of ids)
      tokens.push(await deviceToken(bench, { deviceId, key: await devices.create(deviceId) }));
    const client = await login();
    expect((await claim(client, tokens[0]!)).status).toBe(200);
    client.send(credit(1, 100));
    const answers = [];
    for (const [at, token] of tokens.slice(1).entries()) {
      client.send(transfer(0, at + 1, putToken(token, at)));
      answers.push(messages.decode((await client.until('transfer')).payload!)['application_properties']);
    }
    expect(answers.slice(0, 15)).toEqual(Array(15).fill({ 'status-code': 200, 'status-description': 'OK' }));
    expect(answers[15]).toEqual({
      'status-code': 403,
      'status-description': 'A connection carries 16 devices at the most.',
    });
    expect(await stateOf('gateway-16')).toBe('Disconnected');
    // one that it carries may still renew its claim
    client.send(transfer(0, 17, putToken(tokens[3]!, 17)));
    const renewed = messages.decode((await client.until('transfer')).payload!);
    expect(renewed['application_properties']).toMatchObject({ 'status-code': 200 });
  });

  it('that the registry ends ends the links of its device alone, and what is still sent on them is not taken', async () => {
    const ids = ['shared-a', 'shared-b'];
    const tokens: string[] = [];
    for (const deviceId of ids)
      tokens.push(await deviceToken(bench, { deviceId, key: await devices.create(deviceId) }));
    const client = await login();
    await claim(client, tokens[0]!);
    client.send(credit(1, 100), transfer(0, 1, putToken(tokens[1]!, 1)));
    await client.until('transfer');
    const telemetry = (handle: number, id: number) =>
      transfer(handle, id, messages.encode({ body: messages.data_section(Buffer.from(`${id}`)) }));
    for (const [at, deviceId] of ids.entries()) {
      const address = addressOf(deviceId, 'messages/events');
      client.send(attach({ name: deviceId, handle: 2 + at, sends: true, address }), telemetry(2 + at, 2 + at));
      await client.until('disposition');
    }
    const path = '/devices/shared-b';
    const identity = await devices.identity('shared-b');
    const json = { ...identity, status: 'disabled' };
    must(await bench.registry.call({ method: 'PUT', path, json, headers: { 'if-match': '"*"' } }));
    const { fields } = await client.until('detach');
    expect(fields['error']).toMatchObject({ condition: 'amqp:link:detach-forced' });
    client.send(telemetry(3, 4), telemetry(3, 5), telemetry(2, 6));
    // settled is what the other device has sent
    expect((await client.until('disposition')).fields).toMatchObject({ first: 6 });
    expect(await stateOf('shared-a')).toBe('Connected');
    expect(await lastMessages('shared-a')).toHaveLength(2);
    expect(await lastMessages('shared-b')).toHaveLength(1);
  });

  it('may be made by PLAIN', async () => {
    const key = await devices.create('plain');
    const token = await deviceToken(bench, { deviceId: 'plain', key });
    const client = await login('PLAIN', Buffer.from(`\0plain@sas.${bench.address}\0${token}`));
    client.send(attach({ name: 'd2c', handle: 0, sends: true, address: addressOf('plain', 'messages/events') }));
    await client.until('flow');
    expect(await stateOf('plain')).toBe('Connected');
  });

  it('ends with its token, and with what the registry says of the device', async () => {
    const key = await devices.create('ends');
    const short = await login();
    // 300 s of clock skew are the device's
    await claim(short, await deviceToken(bench, { deviceId: 'ends', key, lifeS: -299 }));
    expect((await short.until('close')).fields['error']).toMatchObject({ condition: 'amqp:unauthorized-access' });
    const client = await login();
    await claim(client, await deviceToken(bench, { deviceId: 'ends', key }));
    await bench.registry.call({ method: 'DELETE', path: '/devices/ends', headers: { 'if-match': '"*"' } });
    expect((await client.until('close')).fields['error']).toMatchObject({ condition: 'amqp:link:detach-forced' });
  });

  it('is not needed by a certificate, which opens the links of its own device alone', async () => {
    const { cert, key, sha256 } = selfSigned('by-cert');
    const x509Thumbprint = { primaryThumbprint: sha256, secondaryThumbprint: sha256 };
    await devices.create('by-cert', { authentication: { type: 'selfSigned', x509Thumbprint } });
    await devices.create('not-by-cert');
    const client = dial({ cert, key });
    const link = (name: string, handle: number, deviceId: string) =>
      attach({ name, handle, sends: true, address: addressOf(deviceId, 'messages/events') });
    client.send(amqpHeader, open(), begin(), link('a', 0, 'not-by-cert'));
    expect((await client.until('detach')).fields['error']).toMatchObject({ condition: 'amqp:unauthorized-access' });
    client.send(link('b', 1, 'by-cert'));
    await client.until('flow');
    expect(await stateOf('by-cert')).toBe('Connected');
  });
});

describe('telemetry over AMQP', () => {
  it('comes on a link that may say which model the device is', async () => {
    const client = await device('modelled');
    const properties = { 'com.microsoft:model-id': 'dtmi:com:example:Thermostat;1' };
    const address = addressOf('modelled', 'messages/events');
    client.send(attach({ name: 'd2c', handle: 2, sends: true, address, more: { properties } }));
    await client.until('flow');
    const { text } = await devices.service({ method: 'GET', path: '/twins/modelled' });
    expect(JSON.parse(text)).toMatchObject({ modelId: 'dtmi:com:example:Thermostat;1' });
  });

  it('is taken as C sends it: several messages in one, of a format of its own', async () => {
    const client = await device('batch');
    client.send(attach({ name: 'd2c', handle: 2, sends: true, address: addressOf('batch', 'messages/events') }));
    await client.until('flow');
    const one = (text: string) =>
      messages.encode({
        message_id: text,
        application_properties: { kind: 'c' },
        body: messages.data_section(Buffer.from(text)),
      });
    const section = (bytes: Buffer) =>
      Buffer.concat([
        Buffer.from('005375b0', 'hex'),
        Buffer.from([0, 0, bytes.length >> 8, bytes.length & 255]),
        bytes,
      ]);
    const batch = Buffer.concat([section(one('first')), section(one('second'))]);
    client.send(transfer(2, 1, batch, { message_format: 0x80013700 }));
    await client.until('disposition');
    expect(await lastMessages('batch')).toMatchObject([
      { payload: 'first', properties: { kind: 'c' }, systemProperties: { messageId: 'first' } },
      { payload: 'second' },
    ]);
    for (const [at, bytes] of [
      Buffer.from('005375a0024040', 'hex'),
      one('not a batch of sections that are messages'),
    ].entries()) {
      client.send(transfer(2, 2 + at, bytes, { message_format: at === 0 ? 0x80013700 : 77 }));
      const { fields } = await client.until('disposition');
      expect(JSON.stringify(fields['state'])).toContain('amqp:not-implemented');
    }
  });
});

describe('a direct method over AMQP', () => {
  it('has a uuid for its id, as C, C# and Java need it, and takes the answer with the same', async () => {
    const client = await device('method');
    const address = addressOf('method', 'methods/devicebound');
    client.send(
      attach({ name: 'mi', handle: 2, sends: true, address }),
      attach({ name: 'mo', handle: 3, sends: false, address }),
      credit(3),
    );
    await client.until('flow');
    const body = JSON.stringify({ methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 20 });
    const answered = devices.service({ method: 'POST', path: '/twins/method/methods', body });
    const call = messages.decode((await client.until('transfer')).payload!);
    expect(call['application_properties']).toEqual({ 'IoThub-methodname': 'reboot' });
    expect(call['correlation_id']).toHaveLength(16);
    const reply = {
      correlation_id: call['correlation_id'],
      application_properties: { 'IoThub-status': 202 },
      body: messages.data_section(Buffer.from('{"done":true}')),
    };
    client.send(transfer(2, 1, messages.encode(reply)));
    expect(JSON.parse((await answered).text)).toEqual({ status: 202, payload: { done: true } });
    // one that nobody waits for is taken and dropped
    client.send(transfer(2, 2, messages.encode({ ...reply, correlation_id: 'nobody' })));
    const { fields } = await client.until('disposition');
    expect((fields['state'] as { descriptor: { value: number } }).descriptor.value).toBe(0x24);
  });
});

describe('a link without credit', () => {
  const call = (deviceId: string, methodName: string) => {
    const body = JSON.stringify({ methodName, responseTimeoutInSeconds: 300, connectTimeoutInSeconds: 0 });
    const called = devices.service({ method: 'POST', path: `/twins/${deviceId}/methods`, body });
    // those that nobody answers end with the hub
    called.catch(() => undefined);
    return called;
  };
  const nameOf = (payload: Buffer | undefined) =>
    (messages.decode(payload!)['application_properties'] as Record<string, unknown>)['IoThub-methodname'];

  it('has its method call refused at once and never run later, and holds up no other link', async () => {
    const client = await device('no-credit');
    const at = (path: string, handle: number) =>
      attach({ name: path, handle, sends: false, address: addressOf('no-credit', path) });
    client.send(at('methods/devicebound', 2), credit(2, 1), at('messages/devicebound', 3), credit(3, 5));
    await client.until('attach');
    await client.until('attach');
    void call('no-credit', 'taken');
    expect(nameOf((await client.until('transfer')).payload)).toBe('taken');
    const refused = await call('no-credit', 'refused');
    expect([refused.status, refused.text]).toEqual([404, expect.stringContaining('DeviceNotOnline')]);
    await enqueue('no-credit', 'passes');
    const message = messages.decode((await client.until('transfer')).payload!);
    expect(String((message['body'] as { content: Buffer }).content)).toBe('passes');
    // what is sent next is answered after the credit was taken
    client.send(credit(2, 2), at('twin', 4));
    await client.until('attach');
    void call('no-credit', 'again');
    expect(nameOf((await client.until('transfer')).payload)).toBe('again');
  });

  it('has its twin answer as soon as there is credit, and ends a client that asks on and on without', async () => {
    const client = await device('twin-credit');
    const address = addressOf('twin-credit', 'twin');
    const get = messages.encode({ message_annotations: { operation: 'GET' }, correlation_id: 'g' });
    const twin = (name: string, handle: number, sends: boolean) => attach({ name, handle, sends, address });
    client.send(twin('tin', 2, false), twin('tout', 3, true), transfer(3, 1, get));
    await client.until('disposition');
    client.send(credit(2, 1));
    expect(messages.decode((await client.until('transfer')).payload!)['correlation_id']).toBe('g');
    client.send(...[2, 3, 4, 5, 6].map((id) => transfer(3, id, get)));
    expect((await client.until('close')).fields['error']).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
  });
});

describe('a message to a device over AMQP', () => {
  it('of megabytes with others is read at the device’s pace, each handed out once', async () => {
    const key = await devices.create('large');
    for (let at = 0; at < 6; at += 1) await enqueue('large', `${at}`.repeat(250_000));
    const options = {
      ...{ host: bench.address, port: bench.ports.amqps, transport: 'tls', ca: bench.caPem, reconnect: false },
      username: `large@sas.${bench.address}`,
      password: await deviceToken(bench, { deviceId: 'large', key }),
    };
    const client: Connection = rhea.create_container().connect(options as ConnectionOptions);
    clients.push({
      destroy() {
        client.close();
      },
    });
    const got: unknown[] = [];
    await new Promise<void>((resolve, reject) => {
      client.on('disconnected', () => {
        reject(new Error(`cut after ${got.length}`));
      });
      client.on('message', ({ message, delivery }: EventContext) => {
        const { content } = message!.body as { content: Buffer };
        got.push([
          content.length,
          String(content.subarray(0, 1)),
          message!.message_annotations?.['iothub-deliverycount'],
        ]);
        setTimeout(() => {
          delivery!.accept();
          if (got.length === 6) resolve();
        }, 50);
      });
      const source = addressOf('large', 'messages/devicebound');
      client.open_receiver({ source, credit_window: 50, autoaccept: false });
    });
    expect(got).toEqual([0, 1, 2, 3, 4, 5].map((at) => [250_000, String(at), 1]));
  });

  const outcome = (code: number) => Buffer.from(`0053${code.toString(16)}45`, 'hex');

  it('comes again when it is released or its connection ends, and not when it is rejected', async () => {
    const client = await device('cloud');
    const address = addressOf('cloud', 'messages/devicebound');
    await enqueue('cloud', 'one');
    client.send(attach({ name: 'c2d', handle: 2, sends: false, address }), credit(2, 1));
    const first = await client.until('transfer');
    const shown = messages.decode(first.payload!);
    expect(shown).toMatchObject({ to: '/devices/cloud/messages/devicebound' });
    expect(shown['application_properties']).toMatchObject({ kind: 'note', 'iothub-ack': 'none' });
    // 0x26 released, 0x25 rejected (AMQP 1.0 section 3.4)
    const settle = (deliveryId: unknown, code: number): Buffer => {
      const head = Buffer.from('0000000002000000005315c01c064170000000', 'hex');
      const id = Buffer.of(Number(deliveryId));
      const rest = Buffer.concat([Buffer.of(0x40, 0x41), outcome(code)]);
      const body = Buffer.concat([head.subarray(8), id, rest]);
      // the list's size counts its count and fields
      body[4] = body.length - 5;
      body[5] = 5;
      const whole = Buffer.concat([head.subarray(0, 8), body]);
      whole.writeUInt32BE(whole.length, 0);
      return whole;
    };
    client.send(settle(first.fields['delivery_id'], 0x26), more(2, 1));
    const second = await client.until('transfer');
    expect(messages.decode(second.payload!)['message_id']).toBe(shown['message_id']);
    client.send(settle(second.fields['delivery_id'], 0x25));
    await enqueue('cloud', 'two');
    client.send(more(2, 2));
    const third = await client.until('transfer');
    expect(Buffer.from((messages.decode(third.payload!)['body'] as { content: Buffer }).content).toString()).toBe(
      'two',
    );
    client.send(frame(frames.close({})));
    await client.until('close');
    const again = await deviceAgain('cloud');
    again.send(attach({ name: 'c2d', handle: 2, sends: false, address }), credit(2, 1));
    const fourth = await again.until('transfer');
    expect(messages.decode(fourth.payload!)['message_id']).toBe(messages.decode(third.payload!)['message_id']);
  });

  /** Credit beyond what was used: the client has counted `delivered` messages. */
  function more(handle: number, delivered: number): Buffer {
    return frame(
      frames.flow({
        next_incoming_id: delivered,
        incoming_window: 100,
        next_outgoing_id: 0,
        outgoing_window: 100,
        handle,
        delivery_count: delivered,
        link_credit: 1,
      }),
    );
  }

  async function deviceAgain(deviceId: string): Promise<RawAmqp> {
    const identity = (await devices.identity(deviceId)) as { authentication: { symmetricKey: { primaryKey: string } } };
    const client = await login();
    const key = identity.authentication.symmetricKey.primaryKey;
    expect((await claim(client, await deviceToken(bench, { deviceId, key }))).status).toBe(200);
    return client;
  }
});

describe('a hub that fails on purpose', () => {
  it.each([
    ['refusing', 'amqp:unauthorized-access'],
    ['throttled', 'com.microsoft:device-container-throttled'],
  ])('is %s over AMQP too', async (is, condition) => {
    await bench.registry.call({ method: 'PUT', path: '/benchline/v1/fault', json: { is, forSeconds: 60 } });
    const client = await login();
    client.send(attach({ name: 'cbs', handle: 0, sends: true, address: '$cbs' }));
    expect((await client.until('detach')).fields['error']).toMatchObject({ condition });
    await bench.registry.call({ method: 'DELETE', path: '/benchline/v1/fault' });
  });
});
