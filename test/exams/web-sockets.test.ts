import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { deviceWebSockets } from '../../src-main/lib/listen/device-web-sockets.ts';
import { listenHttps } from '../../src-main/lib/listen/https-server.ts';
import { claimLoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import type { TlsPeer } from '../../src-main/lib/listen/tls-peer.ts';
import { loadOrCreateTlsAuthority } from '../../src-main/lib/x509/tls-authority.ts';
import { selfSigned } from './hub-bench.ts';

const maxMessageBytes = 65_536;
const folder = mkdtempSync(join(tmpdir(), 'web-sockets-'));
const block = must(claimLoopbackBlock());
const host = `${block.base}.1`;

interface Taken {
  readonly by: 'mqtt' | 'amqp';
  readonly stream: Duplex;
  readonly peer: TlsPeer;
}

type Door = Awaited<ReturnType<typeof open>>;
let door: Door;

beforeAll(async () => {
  door = await open();
});

afterAll(async () => {
  await door.close();
  block.release();
  rmSync(folder, { recursive: true });
});

async function open(waits = {}) {
  const authority = must(
    await loadOrCreateTlsAuthority(join(folder, 'tls'), { clock: systemClock, random: systemRandom }),
  );
  const credential = must(
    await authority.serverCredential({ slug: 'door', commonName: host, dnsNames: [], ipAddresses: [host] }),
  );
  const taken: Taken[] = [];
  const waiting: ((one: Taken) => void)[] = [];
  const take = (by: Taken['by']) => (stream: Duplex, peer: TlsPeer) => {
    const next = waiting.shift();
    if (next === undefined) taken.push({ by, stream, peer });
    else next({ by, stream, peer });
  };
  const listener = must(
    await listenHttps({
      host,
      port: 0,
      credential,
      maxBodyBytes: 1_000,
      log: silentLog,
      answer: ({ method, path }) => ({ status: 200, headers: { 'x-asked': `${method} ${path}` }, body: 'plain' }),
      refuse: () => ({ status: 400, headers: {}, body: '' }),
      waits,
      webSocket: deviceWebSockets({ maxMessageBytes, mqtt: take('mqtt'), amqp: take('amqp') }),
    }),
  );
  return {
    port: listener.port,
    ca: authority.caPem,
    next: () =>
      new Promise<Taken>((resolve) => {
        const one = taken.shift();
        if (one === undefined) waiting.push(resolve);
        else resolve(one);
      }),
    close: () => listener.close(),
  };
}

interface Dial {
  readonly path?: string;
  readonly protocol?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

function dial({ path = '/$iothub/websocket', protocol = 'mqtt', tls = undefined as Dial['tls'] }: Dial = {}) {
  const client = new WebSocket(`wss://${host}:${door.port}${path}`, protocol, { ca: door.ca, ...tls });
  client.on('error', () => undefined);
  return client;
}

async function connected(wanted: Dial = {}) {
  const client = dial(wanted);
  const [taken] = await Promise.all([door.next(), once(client, 'open')]);
  return { client, ...taken };
}

/** A request with whatever headers, and what came back for it. */
function ask(path: string, headers: Record<string, string>, method = 'GET') {
  return new Promise<{ status: number; asked: unknown; version: unknown }>((resolve, reject) => {
    const request = httpsRequest({ host, port: door.port, ca: door.ca, agent: false, path, method, headers });
    request.on('response', (response) => {
      response.resume();
      const { 'x-asked': asked, 'sec-websocket-version': version } = response.headers;
      resolve({ status: response.statusCode ?? 0, asked, version });
    });
    request.on('upgrade', () => {
      reject(new Error('it was upgraded'));
    });
    request.on('error', reject);
    request.end();
  });
}

// Masked with zeros: an unfinished message of one byte, a piece of it, a ping.
const first = Buffer.from([0x02, 0x81, 0, 0, 0, 0, 1]);
const more = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 1]);
const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);

const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': Buffer.alloc(16, 7).toString('base64'),
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'mqtt',
};

describe('[rule 16] one listener tells WebSockets from requests', () => {
  it.each([
    ['/$iothub/websocket', 'mqtt', 'mqtt'],
    ['/$iothub/websocket', 'MQTT', 'mqtt'],
    ['/', 'mqtt', 'mqtt'],
    ['/mqtt', 'mqtt', 'mqtt'],
    ['/%24iothub/WebSocket/', 'mqtt', 'mqtt'],
    ['/$iothub/websocket', 'AMQPWSB10', 'amqp'],
    ['/', 'AMQPWSB10', 'amqp'],
    ['/$iothub/websocket?iothub-no-client-cert=true', 'AMQPWSB10', 'amqp'],
  ])('%s with %s is for %s, and the subprotocol comes back as it was offered', async (path, protocol, wanted) => {
    const { client, by } = await connected({ path, protocol });
    expect([by, client.protocol]).toEqual([wanted, protocol]);
    client.terminate();
  });

  it.each(['/', '/mqtt', '/$iothub/websocket'])('a request for %s is a request', async (path) => {
    expect(await ask(path, {})).toMatchObject({ status: 200, asked: `GET ${path}` });
  });

  it('an offer to upgrade to something else is passed over', async () => {
    const answer = await ask('/mqtt', { connection: 'Upgrade', upgrade: 'h2c' });
    expect(answer).toMatchObject({ status: 200, asked: 'GET /mqtt' });
  });

  it.each([
    ['another path', 404, '/other', {}],
    ['no subprotocol that it speaks', 404, '/', { 'sec-websocket-protocol': 'soap' }],
    ['a version of the past', 426, '/', { 'sec-websocket-version': '8' }],
    ['no version', 400, '/', { 'sec-websocket-version': undefined }],
    ['a key that is none', 400, '/', { 'sec-websocket-key': 'short' }],
    ['a subprotocol list that is none', 400, '/', { 'sec-websocket-protocol': 'mqtt,mqtt' }],
  ])('%s is refused with %i', async (_what, status, path, change) => {
    const headers = Object.entries({ ...upgrade, ...change }).filter(([, value]) => value !== undefined);
    const answer = await ask(path, Object.fromEntries(headers) as Record<string, string>);
    expect(answer.status).toBe(status);
    if (status === 426) expect(answer.version).toBe('13');
  });
});

describe('a WebSocket is a byte stream', () => {
  it('carries bytes both ways, and what is written in pieces at once is one message', async () => {
    const { client, stream } = await connected();
    client.send(Buffer.from('over'));
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('over');
    stream.cork();
    for (const piece of ['a', 'nd', ' back']) stream.write(piece);
    stream.uncork();
    const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
    expect([data.toString(), isBinary]).toEqual(['and back', true]);
    client.terminate();
  });

  it('shows what the TLS handshake has proven', async () => {
    const { cert, key } = selfSigned('over-ws');
    const { client, peer } = await connected({ tls: { cert, key } });
    expect(Buffer.from(peer.certificates[0] ?? []).toString('base64')).toBe(cert.replace(/-----[A-Z ]+-----|\s/g, ''));
    expect(peer).toMatchObject({ localAddress: host, serverName: undefined });
    client.terminate();
  });

  it('holds the other side back while nobody reads, and loses nothing', async () => {
    const { client, stream } = await connected();
    const total = 64;
    for (let sent = 0; sent < total; sent += 1) client.send(Buffer.alloc(maxMessageBytes, sent));
    await once(stream, 'readable');
    // Nobody reads: after its own buffer and the kernel's are full, the rest stays with the sender.
    expect(stream.readableLength).toBeLessThanOrEqual(2 * maxMessageBytes);
    let got = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      got += chunk.length;
      if (got === total * maxMessageBytes) break;
    }
    expect(got).toBe(total * maxMessageBytes);
    client.terminate();
  });

  it('tells a writer to wait while the other side does not read', async () => {
    const { client, stream } = await connected();
    client.pause();
    const piece = Buffer.alloc(65_536, 1);
    let written = 0;
    // A stream that took everything would never say stop.
    while (written < 1_000 && (stream.write(piece) || (await settled(stream)))) written += 1;
    expect(written).toBeLessThan(1_000);
    const drained = once(stream, 'drain');
    client.resume();
    await drained;
    client.terminate();
  });

  it('takes no text [MQTT-6.0.0-1] and no message beyond its bound', async () => {
    const text = await connected();
    const ends = [once(text.client, 'close'), once(text.stream, 'close')];
    text.client.send('text');
    const [[textCode]] = (await Promise.all(ends)) as [[number], unknown];
    const large = await connected();
    const largeEnd = once(large.client, 'close');
    large.stream.resume();
    large.client.send(Buffer.alloc(maxMessageBytes + 1));
    const [largeCode] = (await largeEnd) as [number];
    expect([textCode, largeCode]).toEqual([1_003, 1_009]);
  });

  it('still sends what was written before it was ended', async () => {
    const { client, stream } = await connected();
    const messages: string[] = [];
    client.on('message', (data: Buffer) => messages.push(data.toString()));
    stream.write('last words');
    stream.destroy();
    const [code] = (await once(client, 'close')) as [number];
    expect([messages, code]).toEqual([['last words'], 1_000]);
  });

  it('ends above when the client ends, politely or not', async () => {
    for (const end of ['close', 'terminate'] as const) {
      const { client, stream } = await connected();
      stream.resume();
      client[end]();
      await once(stream, 'close');
      expect(stream.destroyed).toBe(true);
    }
  });
});

describe('a WebSocket connection that is slow or wild', () => {
  it('may be silent for longer than a request may take', async () => {
    const own = await open({ requestMs: 400, keepAliveMs: 400 });
    const client = new WebSocket(`wss://${host}:${own.port}/mqtt`, 'mqtt', { ca: own.ca });
    const [{ stream }] = await Promise.all([own.next(), once(client, 'open')]);
    const half = connect({ host, port: own.port, ca: own.ca });
    half.write('GET /mqtt HTTP/1.1\r\n');
    half.on('error', () => undefined).resume();
    await once(half, 'close');
    stream.write('still here');
    expect(((await once(client, 'message')) as [Buffer])[0].toString()).toBe('still here');
    client.terminate();
    await own.close();
  });

  it.each([
    ['frames that are not masked', () => [Buffer.from([0x82, 0x02, 0x61, 0x62])]],
    ['a reserved kind of frame', () => [Buffer.from([0x83, 0x80, 0, 0, 0, 0])]],
    ['a frame of 2^62 bytes', () => [Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]],
    ['a message in pieces without end', () => [first, ...Array.from({ length: 10_000 }, () => more)]],
    ['pings without reading', () => Array.from({ length: 200 }, () => Buffer.alloc(200_000, ping))],
  ])('with %s is ended, and the next is served', async (_what, frames) => {
    const { client, stream } = await connected();
    stream.resume();
    // `once` of Node would fail on the error that it ends with
    const ended = new Promise((resolve) => stream.once('close', resolve));
    const raw = (client as unknown as { readonly _socket: Duplex })._socket;
    raw.pause();
    for (const frame of frames()) raw.write(frame);
    await ended;
    client.terminate();
    const next = await connected();
    next.client.terminate();
    expect(stream.destroyed).toBe(true);
  });
});

it('a listener that closes ends its WebSockets and frees its port', async () => {
  const own = await open();
  const client = new WebSocket(`wss://${host}:${own.port}/mqtt`, 'mqtt', { ca: own.ca });
  client.on('error', () => undefined);
  const [{ stream }] = await Promise.all([own.next(), once(client, 'open')]);
  stream.resume();
  await Promise.all([once(client, 'close'), own.close()]);
  expect(client.readyState).toBe(WebSocket.CLOSED);
});

/** Whether it took what it was given, after the socket below had its chance. */
async function settled(stream: Duplex): Promise<boolean> {
  for (let turn = 0; turn < 50 && stream.writableNeedDrain; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return !stream.writableNeedDrain;
}
