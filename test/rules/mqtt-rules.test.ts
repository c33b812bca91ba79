/** The rules of dps-wire section 11 that a device meets over MQTT and WebSockets. */
import { connect } from 'node:tls';
import type { Packet } from 'mqtt-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from '../flows/service-devices.ts';
import { dialMqtt, type BareMqtt, type BareTarget } from '../flows/support/bare-mqtt.ts';
import { outcomeOf } from './outcome.ts';
import { openRuleBed, serviceName, settled, type RuleBed } from './rule-bed.ts';

const responses = '$dps/registrations/res/#';
const id = 'valve-1';

let bed: RuleBed;
let leaf: Leaf;
const open: BareMqtt[] = [];

beforeAll(async () => {
  bed = await openRuleBed();
  const line = await makeAuthority('Line 8');
  must(await bed.client.groups.put(groupOf('line-8', line.certificate)));
  leaf = await makeLeaf(id, line);
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
afterAll(() => bed.close());

async function dial(more: Partial<BareTarget> = {}): Promise<BareMqtt> {
  const target = { host: bed.address, port: bed.ready.ports.mqtts, ca: bed.caPem, tls: leaf.tls, ...more };
  const device = await dialMqtt(target);
  open.push(device);
  return device;
}

const connectPacket = (clean = true): Packet => ({
  ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean, clientId: id, keepalive: 0 },
  username: `${bed.ready.idScope}/registrations/${id}/api-version=2019-03-31&ClientVersion=rules`,
});
const subscribePacket: Packet = { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: responses, qos: 1 }] };
const registerPacket = (rid: string, qos: 0 | 1, payload = `{"registrationId":"${id}"}`): Packet => {
  const topic = `$dps/registrations/PUT/iotdps-register/?$rid=${rid}`;
  const packet = { cmd: 'publish' as const, topic, payload, qos, dup: false, retain: false };
  return qos === 0 ? packet : { ...packet, messageId: 2 };
};

async function ready(more: Partial<BareTarget> = {}): Promise<BareMqtt> {
  const device = await dial(more);
  device.send(connectPacket(), subscribePacket);
  expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'connack', returnCode: 0 });
  expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'suback', granted: [1] });
  return device;
}

it('[rule 5] the PUBACK comes before the answer, the answer by QoS 1, and its topic begins with $rid', async () => {
  const device = await ready();
  device.send(registerPacket('a1-%2F', 1));
  expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'puback', messageId: 2 });
  const topic = '$dps/registrations/res/202/?$rid=a1-%2F&retry-after=3';
  expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'publish', qos: 1, topic });
  device.send(registerPacket('2', 0));
  expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'publish', qos: 1 });
});

it('[rule 12] no session is ever present, whatever a device asked for and subscribed to before', async () => {
  for (const visit of ['first', 'second', 'third']) {
    const device = await dial();
    device.send(connectPacket(false), subscribePacket);
    expect([visit, await outcomeOf(device.next())]).toMatchObject([visit, { cmd: 'connack', sessionPresent: false }]);
    expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'suback' });
    device.send({ cmd: 'disconnect' });
    await device.ended();
  }
});

describe('[rule 16] 443 tells a WebSocket from REST', () => {
  it.each([
    ['/$iothub/websocket', 'mqtt'],
    ['/$iothub/websocket', 'MQTT'],
    ['/', 'mqtt'],
    ['/mqtt', 'mqtt'],
    ['/$iothub/websocket?iothub-no-client-cert=true', 'mqtt'],
  ])('MQTT on %s as %s', async (path, protocol) => {
    const opened = await outcomeOf(dial({ port: bed.ready.ports.https, webSocket: { path, protocol } }));
    expect(typeof opened === 'string' ? opened : 'open').toBe('open');
    if (typeof opened === 'string') return;
    opened.send(connectPacket());
    expect(await outcomeOf(opened.next())).toMatchObject({ cmd: 'connack', returnCode: 0 });
  });

  it.each(['/$iothub/websocket', '/'])('AMQP on %s', async (path) => {
    const webSocket = { path, protocol: 'AMQPWSB10' };
    const opened = await outcomeOf(dial({ port: bed.ready.ports.https, webSocket }));
    expect(typeof opened === 'string' ? opened : 'open').toBe('open');
    if (typeof opened === 'string') return;
    const first = new Promise<Buffer>((resolve) => opened.stream.once('data', resolve));
    opened.sendBytes(Buffer.from('414d515003010000', 'hex'));
    expect((await outcomeOf(first)).toString('hex').slice(0, 16)).toBe('414d515003010000');
  });

  it('REST on the same port and paths', async () => {
    for (const path of ['/$iothub/websocket', '/', '/mqtt']) {
      expect(await bed.ask({ method: 'GET', path })).toMatchObject({ status: 404, json: { errorCode: 404_202 } });
    }
    const reply = await bed.ask({ method: 'PUT', path: bed.registerPath(id), body: '{}', tls: leaf.tls });
    expect(reply.status).toBe(202);
  });

  it('and a WebSocket for nothing we know is refused', async () => {
    for (const webSocket of [
      { path: '/other', protocol: 'mqtt' },
      { path: '/', protocol: 'chat' },
    ]) {
      expect(await outcomeOf(dial({ port: bed.ready.ports.https, webSocket }))).toMatch(/404/);
    }
  });
});

it('[rule 18] [rule 19] a register over MQTT may have no body, a space, null or a payload of null', async () => {
  const device = await ready();
  for (const [at, payload] of ['', ' ', 'null', '{}', '{"payload":null}', '{"payload":"text"}'].entries()) {
    device.send(registerPacket(String(at), 0, payload));
    const topic = `$dps/registrations/res/202/?$rid=${at}&retry-after=3`;
    expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'publish', topic });
  }
});

it('[rule 20] an operation that was begun over MQTT is polled on another connection and another wire', async () => {
  const device = await ready();
  device.send(registerPacket('1', 0));
  const answer = await outcomeOf(device.next());
  expect(answer).toMatchObject({ cmd: 'publish' });
  const payload = (answer as { readonly payload: Buffer }).payload.toString();
  const { operationId } = JSON.parse(payload) as { readonly operationId: string };
  device.close();
  const other = await ready();
  const topic = `$dps/registrations/GET/iotdps-get-operationstatus/?$rid=9&operationId=${operationId}`;
  other.send({ cmd: 'publish', topic, payload: ' ', qos: 0, dup: false, retain: false });
  expect(await outcomeOf(other.next())).toMatchObject({
    cmd: 'publish',
    topic: expect.stringMatching(/^\$dps\/registrations\/res\/20[02]\/\?\$rid=9/) as string,
  });
  const done = await settled(() => bed.ask({ method: 'GET', path: bed.pollPath(id, operationId), tls: leaf.tls }));
  expect(done.json).toMatchObject({ operationId, status: 'assigned' });
});

it('[rule 24] UNSUBSCRIBE is answered, and DISCONNECT ends the connection without another word', async () => {
  const device = await ready();
  device.send({ cmd: 'unsubscribe', messageId: 7, unsubscriptions: [responses] });
  expect(await outcomeOf(device.next())).toMatchObject({ cmd: 'unsuback', messageId: 7 });
  device.send({ cmd: 'disconnect' });
  expect(await outcomeOf(device.ended())).toEqual([]);
});

it('[rule 15] 8883 and 5671 show the same certificate for the same names', async () => {
  for (const port of [bed.ready.ports.mqtts, bed.ready.ports.amqps]) {
    for (const name of [{ servername: serviceName }, {}]) {
      const shown = new Promise<string>((resolve, reject) => {
        const socket = connect({ host: bed.address, port, ca: bed.caPem, ...name }, () => {
          socket.destroy();
          resolve('stands');
        });
        socket.on('error', reject);
      });
      expect(await outcomeOf(shown)).toBe('stands');
    }
  }
});
