import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import rhea, { type Connection, type EventContext, type Message } from 'rhea';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { manualClock, type ManualClock } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import type { AmqpAcceptor, AmqpLink, AmqpProgram, SaslExchange, SaslStep } from '../../src-main/lib/listen/amqp.ts';
import { createAmqpAcceptor } from '../../src-main/lib/listen/amqp-acceptor.ts';
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

const peer = { certificates: [], serverName: undefined, localAddress: '127.0.0.1', remoteAddress: '127.0.0.1' };
const limits = {
  maxConnections: 20,
  maxFrameBytes: 16_384,
  maxMessageBytes: 32_768,
  maxSessions: 2,
  maxLinks: 4,
  credit: 4,
  idleTimeoutMs: 60_000,
};

let clock: ManualClock;
let acceptor: AmqpAcceptor;
let server: Server;
let port: number;
const sockets: Socket[] = [];
const clients: Connection[] = [];
let ends: string[] = [];

/** Answers what comes in on the link that goes out under the same address. */
const echo: AmqpProgram<string> = {
  mechanisms: new Map<string, () => SaslExchange<string>>([
    ['PLAIN', () => ({ start: plain, step: () => ({ is: 'refused' }) as const })],
    [
      'TWICE',
      () => ({ start: () => challenge(1), step: (said) => (said[0] === 1 ? challenge(2) : accepted('twice')) }),
    ],
  ]),
  bare: () => 'bare',
  connected(connection, who) {
    const out = new Map<string, AmqpLink>();
    return {
      attaching(link) {
        if (link.address === 'nowhere') {
          return { is: 'refused', error: { condition: 'amqp:not-found', description: 'There is no such place.' } };
        }
        if (link.direction === 'out') out.set(link.address, link);
        return { is: 'accepted' };
      },
      received(link, { correlationId, body, application }, delivery) {
        if (application.get('please') === 'close') {
          connection.close({ condition: 'amqp:connection:forced', description: 'As asked.' });
          return;
        }
        if (application.get('please') === 'keep') return;
        if (application.get('please') === 'reject') {
          delivery.reject({ condition: 'amqp:not-allowed', description: 'No.', info: { 'retry-after': 7 } });
          return;
        }
        delivery.accept();
        const data = body.is === 'data' ? body.bytes : new Uint8Array();
        out.get(link.address)?.send({ correlationId, application: { who, body: body.is, number: 300 }, data });
      },
      sendable: () => undefined,
      detached: () => undefined,
      closed: () => void ends.push(who),
    };
  },
};

function plain(initial: Uint8Array): SaslStep<string> {
  const [, name = '', word] = Buffer.from(initial).toString().split('\0');
  if (name === 'broken') throw new Error('a bug');
  return word === 'right' ? accepted(name) : { is: 'refused' };
}

const challenge = (byte: number): SaslStep<string> => ({ is: 'challenge', bytes: Uint8Array.of(byte) });
const accepted = (who: string): SaslStep<string> => ({ is: 'accepted', who });

beforeAll(async () => {
  clock = manualClock();
  acceptor = createAmqpAcceptor(echo, { clock, log: silentLog, limits });
  server = createServer((socket) => acceptor.accept(socket, peer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const client of clients.splice(0)) client.close();
  await untilIdle();
  ends = [];
});

afterAll(async () => {
  await acceptor.close();
  await new Promise((resolve) => server.close(resolve));
});

const untilIdle = (): Promise<void> => waitFor(() => acceptor.size === 0);

async function waitFor(look: () => boolean): Promise<void> {
  const endMs = systemClock.monotonicMs() + 10_000;
  while (!look()) {
    if (systemClock.monotonicMs() > endMs) throw new Error('it did not become so within 10 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function raw(): RawAmqp & { readonly socket: Socket } {
  const socket = connectTcp(port, '127.0.0.1');
  sockets.push(socket);
  return { ...rawAmqp(socket), socket };
}

const links = [
  attach({ name: 'in', handle: 0, sends: false, address: 'place' }),
  attach({ name: 'out', handle: 1, sends: true, address: 'place' }),
];
const hello = messages.encode({ correlation_id: 'c-1', body: messages.data_section(Buffer.from('hello')) });

describe('an AMQP connection', () => {
  it('[rule 22] takes open, begin, two attaches and a message sent before its own answers', async () => {
    const client = raw();
    client.send(amqpHeader, open(), begin(), ...links, credit(0), transfer(1, 0, hello));
    expect(await client.next()).toEqual({ is: 'header', hex: amqpHeader.toString('hex') });
    const order: string[] = [];
    for (;;) {
      const got = await client.next('flow');
      order.push(got.is);
      if (got.is === 'transfer' && 'payload' in got) {
        expect(messages.decode(got.payload!)).toMatchObject({ correlation_id: 'c-1' });
        break;
      }
    }
    // [rule 6] and dps-wire 3.2: the disposition goes out before the answer does
    expect(order).toEqual(['open', 'begin', 'attach', 'attach', 'disposition', 'transfer']);
  });

  it('[rule 7] echoes a correlation id as the type that came', async () => {
    const client = raw();
    client.send(amqpHeader, open(), begin(), ...links, credit(0));
    const ids = ['text', Buffer.alloc(16, 7), 77, 2 ** 40];
    for (const [at, id] of ids.entries()) {
      client.send(transfer(1, at, messages.encode({ correlation_id: id, body: '' })));
      const { payload } = await client.until('transfer');
      expect(messages.decode(payload!)).toMatchObject({ correlation_id: id });
    }
  });

  it('serves a client of the library, in one data section with int properties', async () => {
    const { connection, replies } = await libraryClient({});
    const [reply] = await replies([{ correlation_id: 'x', body: 'a value' }]);
    expect(reply).toMatchObject({ correlation_id: 'x', application_properties: { who: 'bare', body: 'value', number: 300 } }); // prettier-ignore
    expect((reply?.body as { typecode?: number }).typecode).toBe(0x75);
    connection.close();
    await untilIdle();
    expect(ends).toEqual(['bare']);
  });

  it('gives credit back for what is settled, and not for what is not', async () => {
    const { replies } = await libraryClient({ username: 'ann', password: 'right' });
    const many = await replies(Array.from({ length: 60 }, (_, at) => ({ correlation_id: `n${at}`, body: '' })));
    expect(many.map((message) => message.correlation_id as string)).toEqual(many.map((_, at) => `n${at}`));
    expect(many[0]).toMatchObject({ application_properties: { who: 'ann' } });
  });

  it('rejects with condition, description and int info', async () => {
    const client = raw();
    const please = messages.encode({ application_properties: { please: 'reject' }, body: '' });
    client.send(amqpHeader, open(), begin(), ...links, transfer(1, 0, please));
    const { fields } = await client.until('disposition');
    const state = JSON.stringify(fields['state']);
    expect(state).toContain('amqp:not-allowed');
    expect(state).toContain('"retry-after",7');
  });

  it('answers a refused link with an attach without terminus and a detach with the reason', async () => {
    const client = raw();
    client.send(amqpHeader, open(), begin(), attach({ name: 'x', handle: 0, sends: true, address: 'nowhere' }));
    const { fields } = await client.until('attach');
    expect([fields['source'], fields['target']].map(plainly)).toEqual([null, null]);
    const detach = await client.until('detach');
    expect(detach.fields['error']).toMatchObject({
      condition: 'amqp:not-found',
      description: 'There is no such place.',
    });
  });

  it('takes a link again that was detached', async () => {
    const client = raw();
    client.send(amqpHeader, open(), begin(), ...links, credit(0), transfer(1, 0, hello));
    await client.until('transfer');
    client.send(frame(frames.detach({ handle: 1, closed: true })));
    await client.until('detach');
    client.send(links[1]!, transfer(1, 1, hello));
    await client.until('transfer');
    client.send(frame(frames.end({})));
    await client.until('end');
    client.send(begin(), ...links, credit(0), transfer(1, 0, hello));
    await client.until('transfer');
    client.send(frame(frames.close({})));
    await client.until('close');
    expect(await client.next()).toEqual({ is: 'end-of-stream' });
    await untilIdle();
    expect(ends).toEqual(['bare']);
  });

  it('is closed by its program with a reason', async () => {
    const client = raw();
    const please = messages.encode({ application_properties: { please: 'close' }, body: '' });
    client.send(amqpHeader, open(), begin(), ...links, transfer(1, 0, please));
    const { fields } = await client.until('close');
    expect(fields['error']).toMatchObject({ condition: 'amqp:connection:forced', description: 'As asked.' });
  });

  it.each(['a reset', 'half an end'])('tells its end exactly once after %s', async (how) => {
    const client = raw();
    client.send(amqpHeader, open(), begin(), ...links);
    await client.until('flow');
    if (how === 'a reset') client.socket.resetAndDestroy();
    else client.socket.end();
    await untilIdle();
    expect(ends).toEqual(['bare']);
  });
});

/** `null` of AMQP as it is told by the library. */
function plainly(value: unknown): unknown {
  return value === null || value === undefined ? null : ((value as { value?: unknown }).value ?? null);
}

describe('the login', () => {
  it('goes by SASL when the client asks for it, in as many steps as the mechanism has', async () => {
    const client = raw();
    client.send(saslHeader, saslFrame(frames.sasl_init({ mechanism: 'TWICE' })));
    expect(await client.next()).toEqual({ is: 'header', hex: saslHeader.toString('hex') });
    expect((await client.until('mechanisms')).fields['sasl_server_mechanisms']).toEqual(['PLAIN', 'TWICE']);
    for (const byte of [1, 2]) {
      const { fields } = await client.until('challenge');
      expect(fields['challenge']).toEqual(Buffer.of(byte));
      client.send(saslFrame(frames.sasl_response({ response: Buffer.of(byte) })));
    }
    expect((await client.until('outcome')).fields['code']).toBe(0);
    client.send(amqpHeader, open());
    expect(await client.next()).toEqual({ is: 'header', hex: amqpHeader.toString('hex') });
    await client.until('open');
  });

  it.each([
    [
      'a wrong password',
      saslFrame(frames.sasl_init({ mechanism: 'PLAIN', initial_response: Buffer.from('\0ann\0wrong') })),
      1,
    ],
    ['an unknown mechanism', saslFrame(frames.sasl_init({ mechanism: 'constructor' })), 1],
    ['a response before its time', saslFrame(frames.sasl_response({ response: Buffer.of(1) })), 1],
    ['a frame of AMQP', open(), 1],
    [
      'a bug of ours',
      saslFrame(frames.sasl_init({ mechanism: 'PLAIN', initial_response: Buffer.from('\0broken\0') })),
      4,
    ],
  ])('ends after %s, with an outcome', async (_what, sent, code) => {
    const client = raw();
    client.send(saslHeader, sent);
    expect((await client.until('outcome')).fields['code']).toBe(code);
    expect(await client.next()).toEqual({ is: 'end-of-stream' });
    expect(ends).toEqual([]);
  });

  it('takes a second init for none, and a frame of 513 bytes for none', async () => {
    const twice = raw();
    const init = saslFrame(frames.sasl_init({ mechanism: 'TWICE' }));
    twice.send(saslHeader, init, init);
    expect((await twice.until('outcome')).fields['code']).toBe(1);
    const large = raw();
    large.send(saslHeader, saslFrame(frames.sasl_init({ mechanism: 'PLAIN', initial_response: Buffer.alloc(490) })));
    await large.until('mechanisms');
    expect(await large.next()).toEqual({ is: 'end-of-stream' });
  });

  it.each(['GET / HTTP/1.1\r\n', 'AMQP\0\0\x09\x01', 'AMQP\x02\x01\0\0'])(
    'answers %j with its header and ends',
    async (text) => {
      const client = raw();
      client.send(Buffer.from(text, 'latin1'));
      expect(await client.next()).toEqual({ is: 'header', hex: saslHeader.toString('hex') });
      expect(await client.next()).toEqual({ is: 'end-of-stream' });
    },
  );

  it('has an end for those who say nothing, and for those who stop half-way', async () => {
    const silent = raw();
    const slow = raw();
    await waitFor(() => acceptor.size === 2);
    slow.send(saslHeader);
    await slow.until('mechanisms');
    // one client sleeps for many seconds before its last response: 60 s at the least (dps-wire 3.5)
    await clock.advance(61_000);
    expect(await silent.next()).toEqual({ is: 'end-of-stream' });
    expect(acceptor.size).toBe(1);
    await clock.advance(60_000);
    expect(await slow.next()).toEqual({ is: 'end-of-stream' });
  });
});

const ready = [amqpHeader, open(), begin(), ...links];
const described = (descriptor: number, body: string): Buffer =>
  Buffer.from(`0053${descriptor.toString(16)}${body}`, 'hex');
const bareFrame = (body: Buffer): Buffer => {
  const whole = Buffer.concat([Buffer.from('0000000002000000', 'hex'), body]);
  whole.writeUInt32BE(whole.length, 0);
  return whole;
};
const sized = (size: number): Buffer => {
  const head = Buffer.from('0000000002000000', 'hex');
  head.writeUInt32BE(size, 0);
  return head;
};
const huge = { first: 0, last: 4_294_967_295, role: true };
const billionNulls = Buffer.from('005377f00000000540000000' + '0040', 'hex');
const kept = messages.encode({ application_properties: { please: 'keep' }, body: '' });

describe('a hostile AMQP client', () => {
  it.each<[string, readonly Buffer[], string]>([
    ['a frame that is too large', [...ready, sized(16_385)], 'amqp:connection:framing-error'],
    ['a frame that is smaller than its header', [...ready, sized(7)], 'amqp:connection:framing-error'],
    ['a SASL frame after the login', [...ready, saslFrame(frames.sasl_response({ response: Buffer.of(1) }))], 'amqp:connection:framing-error'],
    ['a begin before its open', [amqpHeader, begin()], 'amqp:connection:framing-error'],
    ['a second open', [...ready, open()], 'amqp:connection:framing-error'],
    ['a frame size that nothing fits in', [amqpHeader, open({ max_frame_size: 60 })], 'amqp:connection:framing-error'],
    ['a frame size that is no number', [amqpHeader, bareFrame(described(0x10, 'c00903a101784000532445'))], 'amqp:decode-error'],
    ['a channel that is in use', [...ready, begin()], 'amqp:connection:framing-error'],
    ['a performative that nobody knows', [...ready, bareFrame(described(0x19, '45'))], 'amqp:not-implemented'],
    ['a performative that is no list', [...ready, bareFrame(described(0x14, 'a10178'))], 'amqp:decode-error'],
    ['a frame without a performative', [...ready, bareFrame(Buffer.of(0x41))], 'amqp:decode-error'],
    ['nesting without end', [...ready, bareFrame(Buffer.alloc(10_000))], 'amqp:decode-error'],
    ['too many sessions', [...ready, begin(2)], 'amqp:resource-limit-exceeded'],
    ['too many links', [...ready, attach({ name: 'y', handle: 4, sends: true, address: 'y' })], 'amqp:resource-limit-exceeded'],
    ['a handle that is in use', [...ready, attach({ name: 'y', handle: 1, sends: true, address: 'y' })], 'amqp:session:handle-in-use'],
    ['a link name that is in use', [...ready, attach({ name: 'out', handle: 2, sends: true, address: 'y' })], 'amqp:decode-error'],
    ['a link named as no link can be', [...ready, attach({ name: '__proto__', handle: 2, sends: true, address: 'y' })], 'amqp:decode-error'],
    ['a transfer without a link', [...ready, transfer(3, 0, hello)], 'amqp:session:unattached-handle'],
    ['a transfer on a link that we send on', [...ready, transfer(0, 0, hello)], 'amqp:session:unattached-handle'],
    ['transfers beyond the credit', [...ready, ...[0, 1, 2, 3, 4].map((id) => transfer(1, id, kept))], 'amqp:link:transfer-limit-exceeded'],
    ['a message without end', [...ready, ...[0, 1, 2].map(() => transfer(1, 0, Buffer.alloc(15_000, 0x40), { more: true }))], 'amqp:link:message-size-exceeded'],
    ['many small pieces of a message', [...ready, ...Array.from({ length: 600 }, () => transfer(1, 0, Buffer.of(0x40), { more: true }))], 'amqp:link:message-size-exceeded'],
    ['deliveries out of order', [...ready, transfer(1, 0, kept), transfer(1, 7, kept)], 'amqp:decode-error'],
    ['a transfer that has no number', [...ready, bareFrame(Buffer.concat([described(0x14, 'c00703520140a00161'), described(0x77, '40')]))], 'amqp:decode-error'],
    ['an empty transfer', [...ready, transfer(1, 0, Buffer.alloc(0))], 'amqp:decode-error'],
    ['a message of a billion nulls', [...ready, transfer(1, 0, billionNulls)], 'amqp:decode-error'],
    ['a message with an unknown section', [...ready, transfer(1, 0, described(0x79, '40'))], 'amqp:decode-error'],
    ['a disposition over four billion deliveries', [...ready, frame(frames.disposition(huge))], 'amqp:resource-limit-exceeded'],
    ['a delivery state that nobody knows', [...ready, bareFrame(described(0x15, 'c00a05414340410053344500'.slice(0, 22)))], 'amqp:decode-error'],
    ['a sender that drains', [...ready, frame(frames.flow({ next_incoming_id: 0, incoming_window: 1, next_outgoing_id: 0, outgoing_window: 1, handle: 1, delivery_count: 0, link_credit: 5, drain: true }))], 'amqp:not-allowed'],
    ['a detach of nothing', [...ready, frame(frames.detach({ handle: 3 }))], 'amqp:decode-error'],
    ['an end of nothing', [...ready, frame(frames.end({}), 1)], 'amqp:decode-error'],
  ])('is told why it is closed: %s', async (_what, sent, condition) => {
    const client = raw();
    client.send(...sent);
    const { fields } = await client.until('close');
    expect(fields['error']).toMatchObject({ condition });
    expect(await client.next()).toEqual({ is: 'end-of-stream' });
    await untilIdle();
    expect(ends).toEqual(['bare']);
  }); // prettier-ignore

  it('finds no room beyond the connections there are, and others stay served', async () => {
    const crowd = Array.from({ length: limits.maxConnections }, () => raw());
    await waitFor(() => acceptor.size === limits.maxConnections);
    expect(await raw().next()).toEqual({ is: 'end-of-stream' });
    const [first] = crowd;
    first!.send(...ready);
    await first!.until('flow');
  });
});

interface Library {
  readonly connection: Connection;
  readonly replies: (sent: readonly object[]) => Promise<readonly Message[]>;
}

async function libraryClient(login: object): Promise<Library> {
  const container = rhea.create_container();
  const connection = container.connect({ host: '127.0.0.1', port, reconnect: false, ...login });
  clients.push(connection);
  for (const event of ['disconnected', 'connection_close', 'connection_error']) connection.on(event, () => undefined);
  const receiver = connection.open_receiver('place');
  const sender = connection.open_sender('place');
  await new Promise((resolve) => sender.once('sendable', resolve));
  return {
    connection,
    replies: (sent) =>
      new Promise((resolve) => {
        const got: Message[] = [];
        const left = [...sent];
        const sendSome = (): void => {
          while (sender.sendable() && left.length > 0) sender.send(left.shift() as Message);
        };
        receiver.on('message', ({ message }: EventContext) => {
          got.push(message!);
          if (got.length === sent.length) resolve(got);
        });
        sender.on('sendable', sendSome);
        sendSome();
      }),
  };
}
