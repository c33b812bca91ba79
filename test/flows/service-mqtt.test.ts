import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority, makeLeaf } from './service-devices.ts';
import {
  answerOf,
  lastAnswer,
  openMqttBed,
  publishPacket,
  register,
  responses,
  status,
  subscribePacket,
  webSocket,
  type MqttBed,
} from './support/mqtt-bed.ts';
import { must } from '../../src-main/lib/base/result.ts';

let mqtt: MqttBed;
const key = Buffer.alloc(32, 7);

beforeAll(async () => {
  mqtt = await openMqttBed();
  const symmetricKey = { primaryKey: key.toString('base64'), secondaryKey: Buffer.alloc(32, 8).toString('base64') };
  for (const registrationId of ['by-key', 'by-key-2', 'by-wrong-key', 'by-key-off']) {
    const attestation = { type: 'symmetricKey' as const, symmetricKey };
    const provisioningStatus = registrationId === 'by-key-off' ? 'disabled' : 'enabled';
    must(await mqtt.bed.client.enrollments.put({ registrationId, attestation, provisioningStatus }));
  }
});

afterAll(async () => {
  await mqtt.close();
});

describe('a device over MQTT', () => {
  it('[rule 4] [rule 5] [rule 21] gets its PUBACK before its answer, which has QoS 1 and begins with its own $rid', async () => {
    const device = await mqtt.ready('order-1');
    const requestId = '%41b-c_d.e~1';
    device.send(publishPacket(`${register}?$rid=${requestId}`, '{"registrationId":"order-1"}', 1, 77));
    expect(await device.next()).toMatchObject({ cmd: 'puback', messageId: 77 });
    const answer = await answerOf(device);
    expect(answer.topic).toBe(`$dps/registrations/res/202/?$rid=${requestId}&retry-after=1`);
    expect(answer).toMatchObject({ qos: 1, json: { status: 'assigning', operationId: expect.any(String) as string } });
    const last = await lastAnswer(device, answer.json['operationId']);
    expect(last.topic).toMatch(/^\$dps\/registrations\/res\/200\/\?\$rid=\d+$/);
    const assignedHub = mqtt.bed.hubs[0]!.hostName;
    expect(last).toMatchObject({
      qos: 1,
      json: {
        operationId: answer.json['operationId'],
        status: 'assigned',
        registrationState: { deviceId: 'order-1', assignedHub, substatus: 'initialAssignment' },
      },
    });
  });

  it('asks with QoS 0 and gets no PUBACK, and still an answer of QoS 1', async () => {
    const device = await mqtt.ready('quiet-1', { webSocket });
    device.send(publishPacket(`${register}?$rid=1`, '{"registrationId":"quiet-1"}', 0));
    expect(await answerOf(device)).toMatchObject({ qos: 1, json: { status: 'assigning' } });
  });

  it.each([
    ['nothing', ''],
    ['a space', ' '],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['a payload alone', '{"payload":{"room":4}}'],
    ['a payload of null', '{"registrationId":"empty","payload":null}'],
    ['a payload of text', '{"payload":"text"}'],
  ])('[rule 18] [rule 19] registers with %s as its body', async (_what, body) => {
    const device = await mqtt.ready('empty');
    device.send(publishPacket(`${register}?$rid=1`, body));
    expect(await device.next()).toMatchObject({ cmd: 'puback' });
    expect(await answerOf(device)).toMatchObject({ json: { status: 'assigning' } });
    device.close();
  });

  it('[rule 20] polls on another connection, of the other kind, with whatever body', async () => {
    const first = await mqtt.ready('moves');
    first.send(publishPacket(`${register}?$rid=1`, '', 0));
    const { json } = await answerOf(first);
    first.close();
    const second = await mqtt.dial(first.leaf, { webSocket });
    second.send(mqtt.connectPacket({ clientId: 'moves' }), subscribePacket());
    expect(await second.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
    expect(await second.next()).toMatchObject({ cmd: 'suback' });
    const poll = `${status}?$rid=again&operationId=${String(json['operationId'])}`;
    second.send(publishPacket(poll, '{"registrationId":"moves"}', 0), publishPacket(`${poll}&more=1`, '\0', 0));
    const answers = [await answerOf(second), await answerOf(second)];
    expect(answers.map((answer) => answer.json['operationId'])).toEqual([json['operationId'], json['operationId']]);
    expect(await lastAnswer(second, json['operationId'])).toMatchObject({ json: { status: 'assigned' } });
  });

  it('[rule 12] is told of no session, ever, and has none', async () => {
    const first = await mqtt.ready('kept', {}, { clean: false });
    first.close();
    const second = await mqtt.dial(first.leaf);
    second.send(mqtt.connectPacket({ clientId: 'kept', clean: false }), publishPacket(`${register}?$rid=1`, ''));
    expect(await second.next()).toMatchObject({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    second.send({ cmd: 'pingreq' });
    // the subscription is gone with its connection: no answer comes, and nothing else unasked
    const seen = [await second.next(), await second.next()].map(({ cmd }) => cmd).sort();
    expect(seen).toEqual(['pingresp', 'puback']);
    second.send(subscribePacket(), { cmd: 'pingreq' });
    expect([await second.next(), await second.next()].map(({ cmd }) => cmd).sort()).toEqual(['pingresp', 'suback']);
  });

  it('[rule 24] is answered to UNSUBSCRIBE, and its DISCONNECT ends the connection', async () => {
    const device = await mqtt.ready('leaves');
    device.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: [responses] });
    expect(await device.next()).toMatchObject({ cmd: 'unsuback', messageId: 9 });
    device.send({ cmd: 'disconnect' });
    expect(await device.ended()).toEqual([]);
  });

  it('may subscribe to its answers alone', async () => {
    const device = await mqtt.ready('curious');
    const topics = ['#', '$dps/#', '$dps/registrations/res/+', '$dps/registrations/PUT/#', '$SYS/#', responses];
    const subscriptions = topics.map((topic) => ({ topic, qos: 1 as const }));
    device.send({ cmd: 'subscribe', messageId: 4, subscriptions });
    expect(await device.next()).toMatchObject({ cmd: 'suback', messageId: 4, granted: [128, 128, 128, 128, 128, 1] });
  });

  it.each([
    ['publishes to another topic', publishPacket('devices/loses/messages/events/', 'x', 0)],
    ['asks without a request id', publishPacket(`${register}?forceRegistration=true`, '', 1)],
    ['asks without an operation', publishPacket(`${status}?$rid=1`, '', 1)],
    ['publishes with QoS 2', publishPacket(`${register}?$rid=1`, '', 2)],
    ['publishes as if it were the service', publishPacket('$dps/registrations/res/200/?$rid=1', '{}', 0)],
  ])('loses its connection when it %s', async (_what, packet) => {
    const device = await mqtt.ready('loses');
    device.send(packet);
    expect(await device.ended()).toEqual([]);
  });

  it('may pipeline some requests, and loses its connection when it asks for many at once', async () => {
    const device = await mqtt.ready('floods');
    const asks = (count: number) =>
      Array.from({ length: count }, (_, at) => publishPacket(`${status}?$rid=${at}&operationId=none`, '', 0));
    device.send(...asks(4));
    const answers = [];
    for (let at = 0; at < 4; at += 1) answers.push((await answerOf(device)).topic);
    expect(answers).toEqual([0, 1, 2, 3].map((at) => `$dps/registrations/res/404/?$rid=${at}`));
    device.send(...asks(1_000));
    expect((await device.ended()).length).toBeLessThan(20);
  });

  it('without a keep-alive is never let go, with one when it is silent for half as long again', async () => {
    const silent = await mqtt.ready('silent');
    const asleep = await mqtt.ready('asleep', {}, { keepalive: 1 });
    expect(await asleep.ended()).toEqual([]);
    silent.send({ cmd: 'pingreq' });
    expect(await silent.next()).toMatchObject({ cmd: 'pingresp' });
  });

  it('takes the place of its own earlier connection', async () => {
    const first = await mqtt.ready('twice');
    const second = await mqtt.ready('twice', { webSocket });
    expect(await first.ended()).toEqual([]);
    second.send({ cmd: 'pingreq' });
    expect(await second.next()).toMatchObject({ cmd: 'pingresp' });
  });

  it('leaves no will behind', async () => {
    const will = { topic: `${register}?$rid=1`, payload: Buffer.from(''), qos: 1 as const };
    const device = await mqtt.ready('dying', {}, { will });
    device.close();
    const after = await mqtt.ready('dying');
    after.send({ cmd: 'pingreq' });
    expect(await after.next()).toMatchObject({ cmd: 'pingresp' });
    expect(await mqtt.bed.client.getRegistration('dying')).toMatchObject({ ok: false, fault: { code: 'not-found' } });
  });
});

describe('what is refused in an answer', () => {
  it.each([
    ['a body that is no JSON', [`${register}?$rid=7`, '{"registrationId":'], 400_001],
    ['a body that is no registration', [`${register}?$rid=7`, '"text"'], 400_001],
    ['a body that names another device', [`${register}?$rid=7`, '{"registrationId":"other"}'], 400_001],
    ['an operation that is none', [`${status}?$rid=7&operationId=5.0.0`, ''], 404_201],
  ])('%s', async (_what, [topic = '', body = ''], errorCode) => {
    const device = await mqtt.ready('errs');
    device.send(publishPacket(topic, body, 0));
    expect(await answerOf(device)).toMatchObject({
      topic: `$dps/registrations/res/${Math.floor(errorCode / 1_000)}/?$rid=7`,
      json: { errorCode, trackingId: expect.any(String) as string, message: expect.any(String) as string },
    });
  });

  it('a certificate that no enrollment knows: it is let in to be told, and cannot take the place of one that is known', async () => {
    const leaf = await makeLeaf('unknown', await makeAuthority('Nobody'));
    const stranger = await mqtt.dial(leaf);
    stranger.send(mqtt.connectPacket({ clientId: 'unknown' }), subscribePacket());
    expect(await stranger.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
    expect(await stranger.next()).toMatchObject({ cmd: 'suback' });
    stranger.send(publishPacket(`${register}?$rid=1`, '', 0));
    expect(await answerOf(stranger)).toMatchObject({
      topic: '$dps/registrations/res/401/?$rid=1',
      json: { errorCode: 401_002 },
    });
    const known = await mqtt.ready('victim');
    const impostor = await mqtt.dial(await makeLeaf('victim', await makeAuthority('Nobody')));
    impostor.send(mqtt.connectPacket({ clientId: 'victim' }));
    expect(await impostor.next()).toMatchObject({ cmd: 'connack', returnCode: 5 });
    known.send({ cmd: 'pingreq' });
    expect(await known.next()).toMatchObject({ cmd: 'pingresp' });
  });

  it('a register that comes once more than it may be wrong: with 429 and the time to wait', async () => {
    const stranger = await mqtt.dial(await makeLeaf('repeats', await makeAuthority('Nobody')));
    stranger.send(mqtt.connectPacket({ clientId: 'repeats' }), subscribePacket());
    expect([(await stranger.next()).cmd, (await stranger.next()).cmd]).toEqual(['connack', 'suback']);
    const topics: string[] = [];
    while (topics.length < 40 && topics.at(-1)?.includes('/429/') !== true) {
      stranger.send(publishPacket(`${register}?$rid=1`, '', 0));
      topics.push((await answerOf(stranger)).topic);
    }
    expect(new Set(topics.slice(0, -1))).toEqual(new Set(['$dps/registrations/res/401/?$rid=1']));
    expect(topics.at(-1)).toMatch(/^\$dps\/registrations\/res\/429\/\?\$rid=1&retry-after=[1-9]\d*$/);
  });
});

describe('CONNECT', () => {
  it.each([
    'api-version=2017-08-31-preview&ClientVersion=old',
    'api-version=2017-11-15',
    'api-version=2018-11-01&ClientVersion=azure-iot/1.2.3&x=/y/z&q',
    'api-version=2021-06-01&ClientVersion=prov_device_client%2F1.0',
    'api-version=2019-03-31&ClientVersion=2019-03-31',
    'ClientVersion=demo&api-version=2025-07-01-preview',
    '?api-version=2026-04-01',
  ])('is taken with %s in its user name', async (parameters) => {
    const device = await mqtt.ready('versions', {}, { username: mqtt.userName('versions', parameters) });
    device.send(publishPacket(`${register}?$rid=1&forceRegistration=true`, '', 0));
    expect(await answerOf(device)).toMatchObject({ json: { status: 'assigning' } });
  });

  it.each([
    ['no user name', 4, { username: '' }],
    ['a user name of a hub', 4, { username: 'hub.example/by-key/?api-version=2019-03-31' }],
    ['no api-version', 4, { parameters: 'ClientVersion=1' }],
    ["another device's client id", 5, { clientId: 'by-key-2' }],
    ['an unknown scope', 5, { scope: '0ne0000000' }],
    ['the right key over another resource', 5, { resource: 'x/registrations/by-key' }],
    ['no proof at all', 5, { password: '' }],
    ['a password that is none', 5, { password: 'open sesame' }],
    ['a disabled enrollment', 5, { clientId: 'by-key-off', registrationId: 'by-key-off' }],
  ])('with %s ends with CONNACK %i', async (_what, code, change) => {
    const c = { registrationId: 'by-key', clientId: 'by-key', scope: mqtt.idScope, ...change } as {
      registrationId: string;
      clientId: string;
      scope: string;
      username?: string;
      password?: string;
      parameters?: string;
      resource?: string;
    };
    const parameters = c.parameters ?? 'api-version=2019-03-31';
    const username = c.username ?? `${c.scope}/registrations/${c.registrationId}/${parameters}`;
    const resource = c.resource ?? `${c.scope}/registrations/${c.registrationId}`;
    const password = c.password ?? (await mqtt.token(c.registrationId, key, resource));
    const device = await mqtt.dial(undefined);
    device.send(mqtt.connectPacket({ clientId: c.clientId, username, password }));
    expect(await device.next()).toMatchObject({ cmd: 'connack', returnCode: code, sessionPresent: false });
    expect(await device.ended()).toEqual([]);
  });

  it('by symmetric key lets in, and the whole registration goes by that key', async () => {
    const device = await mqtt.dial(undefined, { webSocket });
    const password = await mqtt.token('by-key', key);
    device.send(mqtt.connectPacket({ clientId: 'By-Key', password }), subscribePacket());
    expect(await device.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
    expect(await device.next()).toMatchObject({ cmd: 'suback' });
    device.send(publishPacket(`${register}?$rid=1`, '', 0));
    const { json } = await answerOf(device);
    expect(await lastAnswer(device, json['operationId'])).toMatchObject({
      json: { status: 'assigned', registrationState: { registrationId: 'by-key', deviceId: 'by-key' } },
    });
  });

  it('with one wrong key after another is told to come later', async () => {
    const codes = new Set<number>();
    for (let turn = 0; turn < 40 && !codes.has(3); turn += 1) {
      const device = await mqtt.dial(undefined);
      const password = await mqtt.token('by-wrong-key', Buffer.alloc(32, turn + 50));
      device.send(mqtt.connectPacket({ clientId: 'by-wrong-key', password }));
      const packet = await device.next();
      if (packet.cmd === 'connack') codes.add(packet.returnCode ?? -1);
      device.close();
    }
    expect([...codes]).toEqual([5, 3]);
  });
});
