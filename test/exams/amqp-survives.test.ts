/** What an AMQP connection costs at the most: silence, slow bytes, a client that never reads, and noise after the login. */
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import type { AmqpLink, AmqpProgram } from '../../src-main/lib/listen/amqp.ts';
import { createAmqpAcceptor } from '../../src-main/lib/listen/amqp-acceptor.ts';
import { amqpHeader, attach, begin, credit, messages, open, rawAmqp, transfer, type RawAmqp } from './amqp-raw.ts';

const peer = { certificates: [], serverName: undefined, localAddress: '127.0.0.1', remoteAddress: '127.0.0.1' };
const limits = {
  maxConnections: 50,
  maxFrameBytes: 65_536,
  maxMessageBytes: 131_072,
  maxSessions: 2,
  maxLinks: 4,
  credit: 10,
  idleTimeoutMs: 250,
};

const notTaken = { condition: 'amqp:resource-limit-exceeded', description: 'Answers are not taken.' };

/** Answers each message with what came. */
function echo(tell: () => void): AmqpProgram<string> {
  return {
    mechanisms: new Map(),
    bare: () => 'bare',
    connected(connection) {
      const out = new Set<AmqpLink>();
      return {
        attaching(link) {
          if (link.direction === 'out') out.add(link);
          return { is: 'accepted' };
        },
        received(_link, { body }, delivery) {
          delivery.accept();
          const data = body.is === 'data' ? body.bytes : new Uint8Array();
          for (const link of out) if (!link.send({ data })) connection.close(notTaken);
        },
        sendable: () => undefined,
        detached: (link) => void out.delete(link),
        closed: tell,
      };
    },
  };
}

interface Bed {
  readonly raw: () => RawAmqp & { readonly socket: Socket };
  readonly ends: () => number;
  readonly size: () => number;
  close(): Promise<void>;
}

let bed: Bed | undefined;
afterEach(() => bed?.close());

async function openBed(more: Partial<typeof limits> = {}, program?: AmqpProgram<string>): Promise<Bed> {
  let ends = 0;
  const acceptor = createAmqpAcceptor(program ?? echo(() => (ends += 1)), {
    clock: systemClock,
    log: silentLog,
    limits: { ...limits, ...more },
  });
  const server = createServer((socket) => acceptor.accept(socket, peer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  bed = {
    raw() {
      const socket = connectTcp(port, '127.0.0.1');
      sockets.push(socket);
      return { ...rawAmqp(socket), socket };
    },
    ends: () => ends,
    size: () => acceptor.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      await acceptor.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return bed;
}

const links = [
  attach({ name: 'in', handle: 0, sends: false, address: 'place' }),
  attach({ name: 'out', handle: 1, sends: true, address: 'place' }),
];
const dataOf = (bytes: number): Buffer => messages.encode({ body: messages.data_section(Buffer.alloc(bytes, 1)) });

it('a silent client is told how long it may be so, and is closed after twice that', async () => {
  const { raw, ends, size } = await openBed();
  const client = raw();
  client.send(amqpHeader, open(), begin());
  expect((await client.until('open')).fields['idle_time_out']).toBe(250);
  expect((await client.until('close')).fields['error']).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
  expect(await client.next()).toEqual({ is: 'end-of-stream' });
  while (size() > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(ends()).toBe(1);
});

it('bytes that never make a frame are silence', async () => {
  const client = (await openBed()).raw();
  client.send(amqpHeader, open(), begin());
  await client.until('begin');
  const frame = begin(1);
  let at = 0;
  const drip = setInterval(() => client.socket.writable && client.socket.write(frame.subarray(at, (at += 1))), 50);
  const close = await client.until('close');
  clearInterval(drip);
  expect(close.fields['error']).toMatchObject({ condition: 'amqp:resource-limit-exceeded' });
});

it('a client that wants signs of life has them, and none oftener than every second', async () => {
  const client = (await openBed({ idleTimeoutMs: 60_000 })).raw();
  const sinceMs = systemClock.monotonicMs();
  client.send(amqpHeader, open({ idle_time_out: 1 }), begin());
  await client.until('begin');
  await client.until('empty');
  expect(systemClock.monotonicMs() - sinceMs).toBeGreaterThan(900);
});

it('a client that asks and never reads is ended before it costs more than some megabytes', async () => {
  const { raw, ends, size } = await openBed({ idleTimeoutMs: 60_000 });
  const client = raw();
  const settled = attach({ name: 'in', handle: 0, sends: false, address: 'place', more: { snd_settle_mode: 1 } });
  client.send(amqpHeader, open(), begin(), settled, links[1]!, credit(0, 1_000_000));
  await client.until('flow');
  client.socket.pause();
  const ended = new Promise((resolve) => client.socket.once('close', resolve));
  const message = dataOf(60_000);
  // in time with what the socket takes: its other side reads, and answers into the void
  for (let id = 0; id < 2_000 && size() > 0; id += 1) {
    if (!client.socket.write(transfer(1, id, message))) await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.resume();
  await ended;
  while (size() > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(ends()).toBe(1);
});

it('what a client has been sent and never settles is not kept', async () => {
  const [count, bytes] = [100, 120_000];
  let left = count;
  const pour: AmqpProgram<string> = {
    ...echo(() => undefined),
    connected: () => ({
      attaching: () => ({ is: 'accepted' }),
      received: () => undefined,
      sendable(link) {
        while (left > 0 && link.hasRoom && link.send({ data: Buffer.alloc(bytes, 1) })) left -= 1;
      },
      detached: () => undefined,
      closed: () => undefined,
    }),
  };
  const { raw } = await openBed({ idleTimeoutMs: 60_000 }, pour);
  const before = heldBytes();
  // not a client that keeps what it reads
  const { socket } = raw();
  socket.removeAllListeners('data');
  let got = 0;
  const whole = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      got += chunk.length;
      if (got > count * bytes) resolve();
    });
  });
  socket.write(Buffer.concat([amqpHeader, open(), begin(), links[0]!, credit(0, count)]));
  await whole;
  expect(left).toBe(0);
  expect(heldBytes() - before).toBeLessThan(1_000_000);
});

/** In buffers, after what is garbage has gone. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

it('noise after the login ends its own connection and no other', async () => {
  const { raw } = await openBed({ idleTimeoutMs: 60_000 });
  const good = raw();
  good.send(amqpHeader, open(), begin(), ...links, credit(0, 1_000));
  await good.until('flow');
  const sample = [begin(1), links[0]!, credit(0), transfer(1, 0, dataOf(20))];
  const edits = fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 4 });
  let sent = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...sample), edits, async (frame, changes) => {
      const bad = raw();
      const noise = Buffer.from(frame);
      // its size stays: what is inside is read
      for (const [at, byte] of changes) noise[4 + (at % (noise.length - 4))] = byte;
      bad.send(amqpHeader, open(), begin(), ...links, credit(0), noise);
      bad.socket.end();
      while ((await bad.next()).is !== 'end-of-stream');
      good.send(transfer(1, sent, dataOf(10)));
      sent += 1;
      await good.until('transfer');
    }),
    { numRuns: 60, seed: 7 },
  );
  expect(sent).toBe(60);
});
