import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { createMqttBroker } from '../../src-main/lib/listen/mqtt-broker.ts';
import type { MqttHooks } from '../../src-main/lib/listen/mqtt.ts';
import { listenTls } from '../../src-main/lib/listen/tls-server.ts';
import { loadOrCreateTlsAuthority } from '../../src-main/lib/x509/tls-authority.ts';
import { dialMqtt, type BareMqtt } from '../flows/support/bare-mqtt.ts';

const folder = mkdtempSync(join(tmpdir(), 'mqtt-broker-'));
const block = must(claimLoopbackBlock());
const host = `${block.base}.1`;
const maxPacketBytes = 4_096;
/** A CONNECT that dribbles is cut after this. */
const connectMs = 1_500;
const answerBytes = 3_000;

const hooks: MqttHooks<unknown> = {
  connecting({ clientId, password }) {
    if (clientId === 'breaks') throw new Error('a bug');
    return { is: password.length === 0 ? 'not-authorized' : 'accepted' };
  },
  connected: () => undefined,
  disconnected: () => undefined,
  mayPublish: (_connection, { topic, qos }) => qos < 2 && topic.startsWith('ask/'),
  published(connection, { topic }) {
    const times = Number(topic.slice('ask/'.length));
    for (let at = 0; at < times; at += 1) {
      connection.send({ topic: 'answer', payload: new Uint8Array(answerBytes), qos: 0 });
    }
  },
  maySubscribe: () => true,
  unsubscribed: () => undefined,
};

type Bench = Awaited<ReturnType<typeof open>>;
let bench: Bench;

beforeAll(async () => {
  bench = await open();
});

afterAll(async () => {
  await bench.close();
  block.release();
  rmSync(folder, { recursive: true });
});

async function open() {
  const authority = must(
    await loadOrCreateTlsAuthority(join(folder, 'tls'), { clock: systemClock, random: systemRandom }),
  );
  const credential = must(
    await authority.serverCredential({ slug: 'broker', commonName: host, dnsNames: [], ipAddresses: [host] }),
  );
  const broker = await createMqttBroker(
    hooks,
    {
      maxPacketBytes,
      maxConnections: 50,
      cleanSession: 'always',
      connectMs,
    },
    silentLog,
  );
  const listener = must(await listenTls({ host, port: 0, credential, accept: broker.handle }));
  return {
    broker,
    port: listener.port,
    ca: authority.caPem,
    async close() {
      await listener.close();
      await broker.close();
    },
  };
}

function dial(): Promise<BareMqtt> {
  return dialMqtt({ host, port: bench.port, ca: bench.ca });
}

const connectPacket: Packet = {
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  clientId: 'one',
  keepalive: 0,
  username: 'one',
  password: Buffer.from('x'),
};

function publishPacket(topic: string, payload = ''): Packet {
  return { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false };
}

async function connected(): Promise<BareMqtt> {
  const client = await dial();
  client.send(connectPacket);
  expect(await client.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
  return client;
}

/** It still does its work for everybody else. */
async function expectServing(): Promise<void> {
  const client = await connected();
  client.send({ cmd: 'pingreq' });
  expect(await client.next()).toMatchObject({ cmd: 'pingresp' });
  client.close();
}

const connectBytes = generate(connectPacket);

function changed(at: number, byte: number): Buffer {
  const bytes = Buffer.from(connectBytes);
  bytes[at] = byte;
  return bytes;
}

describe('a connection that is no MQTT 3.1.1 is ended, and nothing else suffers', () => {
  it.each<[string, Buffer | string]>([
    ['an HTTP request', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a packet type of 0', Buffer.from([0x00, 0x00])],
    ['a packet type of 15', Buffer.from([0xf0, 0x00])],
    ['another packet before CONNECT [MQTT-3.1.0-1]', Buffer.from([0xc0, 0x00])],
    ['a remaining length of five bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a CONNECT that announces 256 MB', Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f])],
    ['a protocol name of its own [MQTT-3.1.2-1]', changed(5, 0x58)],
    ['a CONNECT that is shorter than it says inside', Buffer.from([0x10, 0x06, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54])],
    ['two CONNECTs [MQTT-3.1.0-2]', Buffer.concat([connectBytes, connectBytes])],
    [
      'a PUBLISH to a wildcard',
      Buffer.concat([connectBytes, generate(publishPacket('ask/x')), Buffer.from('0\x05\0\x03a/#')]),
    ],
    ['a PUBLISH of QoS 3 [MQTT-3.3.1-4]', Buffer.concat([connectBytes, Buffer.from('6\x07\0\x03a/b\0\x01', 'latin1')])],
    ['a SUBSCRIBE without filters [MQTT-3.8.3-3]', Buffer.concat([connectBytes, Buffer.from([0x82, 0x02, 0, 1])])],
    [
      'a SUBSCRIBE with wrong flags [MQTT-3.8.1-1]',
      Buffer.concat([connectBytes, Buffer.from([0x80, 0x06, 0, 1, 0, 1, 0x61, 0])]),
    ],
    ['a SUBSCRIBE of QoS 3', Buffer.concat([connectBytes, Buffer.from([0x82, 0x06, 0, 1, 0, 1, 0x61, 3])])],
    ['a server packet', Buffer.concat([connectBytes, Buffer.from([0x20, 0x02, 0, 0])])],
  ])('%s', async (_what, bytes) => {
    const client = await dial();
    client.sendBytes(bytes);
    const heard = await client.ended();
    expect(heard.filter(({ cmd }) => cmd !== 'connack')).toEqual([]);
    await expectServing();
  });

  it('a CONNECT of MQTT 5 is answered by code 1 and ended [MQTT-3.1.2-2]', async () => {
    const client = await dial();
    client.send({ ...connectPacket, protocolVersion: 5 });
    expect(await client.ended()).toMatchObject([{ cmd: 'connack', returnCode: 1 }]);
  });

  it('a CONNECT in whose judgement we break is answered by code 3', async () => {
    const client = await dial();
    client.send({ ...connectPacket, clientId: 'breaks' });
    expect(await client.ended()).toMatchObject([{ cmd: 'connack', returnCode: 3 }]);
    await expectServing();
  });

  it('a packet that announces more than is allowed is not waited for', async () => {
    const client = await connected();
    const { length } = generate(publishPacket('ask/0', 'x'.repeat(maxPacketBytes)));
    client.sendBytes(generate(publishPacket('ask/0', 'x'.repeat(maxPacketBytes))).subarray(0, length - 1));
    expect(await client.ended()).toEqual([]);
    const largest = await connected();
    largest.send(publishPacket('ask/1', 'x'.repeat(maxPacketBytes - 'ask/1'.length - 2)));
    expect(await largest.next()).toMatchObject({ cmd: 'publish', topic: 'answer' });
    largest.close();
  });

  it('any bytes at all end a connection or are waited for, and never more', { timeout: 60_000 }, async () => {
    const samples = [
      connectPacket,
      publishPacket('ask/1', '{}'),
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a/#', qos: 1 }] },
      { cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a/#'] },
      { cmd: 'puback', messageId: 3 },
      { cmd: 'pubrec', messageId: 3 },
      { cmd: 'pubrel', messageId: 3 },
      { cmd: 'pingreq' },
    ].map((packet) => generate(packet as Packet));
    const anyBytes = fc
      .tuple(
        fc.boolean(),
        fc.array(fc.nat(samples.length - 1), { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 3 }),
      )
      .map(([greets, picks, changes]) => {
        const bytes = Buffer.concat([...(greets ? [connectBytes] : []), ...picks.map((pick) => samples[pick]!)]);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        const [near, far] = duplexPair();
        near.on('error', () => undefined);
        near.resume();
        bench.broker.handle(far, {});
        near.write(bytes);
        const ended = once(far, 'close');
        await new Promise((resolve) => setImmediate(resolve));
        near.destroy();
        far.destroy();
        await ended;
      }),
      { numRuns: 500 },
    );
    await expectServing();
  });
});

describe('a connection that is slow', () => {
  it('with its CONNECT is ended in time, though it sends a byte now and then', async () => {
    const client = await dial();
    let sent = 0;
    const dribble = setInterval(
      () => {
        client.sendBytes(connectBytes.subarray(sent, sent + 1));
        sent += 1;
      },
      connectMs / connectBytes.length + 50,
    );
    expect(await client.ended()).toEqual([]);
    clearInterval(dribble);
    expect(sent).toBeLessThan(connectBytes.length);
    await expectServing();
  });

  it('and reads nothing of what it asks for is ended, and what waits for it is bounded', async () => {
    const socket = connectTls({ host, port: bench.port, ca: bench.ca });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    socket.write(connectBytes);
    const ask = generate(publishPacket('ask/100'));
    socket.write(Buffer.concat(Array.from({ length: 500 }, () => ask)));
    // 150 MB are asked for: a server that wrote them all would hold them all
    await until(() => bench.broker.connection('one') !== undefined);
    await until(() => bench.broker.connection('one') === undefined);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
    socket.destroy();
    await expectServing();
  });
});

function until(isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isSo()) resolve();
      else setImmediate(look);
    };
    look();
  });
}
