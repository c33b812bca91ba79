/** Listeners with short bounds: whoever takes longer than they allow is let go, wherever in its talk it stops. */
import { createConnection, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { listenHttps } from '../../src-main/lib/listen/https-server.ts';
import { claimLoopbackBlock, type LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';
import { listenTls, type Listener, type ServerCredential } from '../../src-main/lib/listen/tls-server.ts';
import { createAuthority, createServerCertificate } from '../../src-main/lib/x509/authority.ts';
import { privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { openRawTls, type RawTls } from '../flows/support/raw-tls.ts';

const parts = { clock: systemClock, random: systemRandom };
const boundMs = 400;
// What a loaded machine may add before it looks; without a bound the peer would wait until the test's own end.
const slackMs = 20_000;

let block: LoopbackBlock;
let host = '';
let ca = '';
let credential: ServerCredential;
const reply = { status: 200, headers: {}, body: 'served' };
let https: Listener;
let tls: Listener;
const open: (RawTls | Socket)[] = [];

beforeAll(async () => {
  block = must(claimLoopbackBlock());
  host = `${block.base}.1`;
  const plan = { algorithm: 'p256', validityDays: 2 } as const;
  const issuer = must(await createAuthority({ ...plan, commonName: 'CA', pathLength: 0 }, parts));
  const names = { commonName: 'slow', dnsNames: [], ipAddresses: [host] };
  const made = must(await createServerCertificate({ ...plan, ...names }, issuer, parts));
  credential = {
    certificatePem: certificatesToPem(made.chain),
    privateKeyPem: privateKeyToPem(made.privateKey),
  };
  ca = certificatesToPem([issuer.certificate]);
  https = must(
    await listenHttps({
      ...{ host, port: 0, credential, maxBodyBytes: 1_000, log: silentLog },
      waits: { handshakeMs: boundMs, requestMs: boundMs, keepAliveMs: boundMs },
      answer: () => reply,
      refuse: () => ({ ...reply, status: 400 }),
    }),
  );
  tls = must(
    await listenTls({
      ...{ host, port: 0, credential, handshakeMs: boundMs },
      accept: (socket) => void socket.end('served'),
    }),
  );
});
afterEach(() => {
  for (const one of open.splice(0)) {
    if ('close' in one) one.close();
    else one.destroy();
  }
});
afterAll(async () => {
  await Promise.all([https.close(), tls.close()]);
  block.release();
});

async function peer(): Promise<RawTls> {
  const opened = await openRawTls({ host, port: https.port, ca });
  open.push(opened);
  return opened;
}

describe('the HTTPS listener lets go of a peer', () => {
  it.each([
    ['that says nothing after its handshake', ''],
    ['that stops within its first line', 'PUT /a HT'],
    ['that stops within its headers', 'PUT /a HTTP/1.1\r\nhost: a\r\ncontent-le'],
    ['that stops within its body', 'PUT /a HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{'],
    ['that stops within a chunk', 'PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab'],
    ['whose chunks do not end', 'PUT /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n'],
  ])('%s', async (_, bytes) => {
    const slow = await peer();
    await slow.send(bytes);
    expect(await slow.ended).toBeLessThan(boundMs + slackMs);
    expect(slow.text()).not.toContain('served');
  });

  it('that sends a byte of its request now and then', async () => {
    const slow = await peer();
    const request = `PUT /a HTTP/1.1\r\nhost: a\r\nx-filler: ${'x'.repeat(2_000)}`;
    let at = 0;
    let stop: () => void = () => undefined;
    const drip = (): void => {
      void slow.send(request.slice(at, at + 1));
      at += 1;
      stop = systemClock.after(50, drip);
    };
    drip();
    expect(await slow.ended).toBeLessThan(boundMs + slackMs);
    stop();
    expect(at).toBeLessThan(request.length);
  });

  it('that was served and then asks nothing', async () => {
    const idle = await peer();
    await idle.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(await idle.until((text) => text.includes('served'))).toBe(true);
    expect(await idle.ended).toBeLessThan(boundMs + slackMs);
  });
});

describe.each([
  ['HTTPS', () => https.port],
  ['TLS', () => tls.port],
])('the %s listener lets go of a peer that', (_, port) => {
  it.each([
    ['opens and says nothing', Buffer.alloc(0)],
    ['stops within its hello', Buffer.from('16030101fc010001f80303', 'hex')],
  ])('%s', async (_how, bytes) => {
    const socket = createConnection(port(), host);
    open.push(socket);
    const beganMs = systemClock.monotonicMs();
    socket.on('error', () => undefined);
    socket.write(bytes);
    await new Promise<void>((resolve) => {
      socket.once('close', () => {
        resolve();
      });
      // what it says on the way is not looked at, but has to be read
      socket.resume();
    });
    expect(systemClock.monotonicMs() - beganMs).toBeLessThan(boundMs + slackMs);
  });

  it('takes its time, and serves who does not', async () => {
    const slow = createConnection(port(), host);
    open.push(slow);
    slow.on('error', () => undefined);
    const quick = await openRawTls({ host, port: port(), ca });
    open.push(quick);
    await quick.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(await quick.until((text) => text.includes('served'))).toBe(true);
  });
});

describe('a listener that is closed', () => {
  const usual = () => ({ host, port: 0, credential, log: silentLog });
  it.each([
    [
      'HTTPS',
      () =>
        listenHttps({
          ...usual(),
          maxBodyBytes: 1_000,
          answer: () => reply,
          refuse: () => ({ ...reply, status: 400 }),
        }),
    ],
    ['TLS', () => listenTls({ ...usual(), accept: () => undefined })],
  ])('does not wait for peers that are slow: %s', async (_, listen) => {
    const listener = must(await listen());
    const halfWay = createConnection(listener.port, host);
    halfWay.on('error', () => undefined);
    open.push(halfWay, await openRawTls({ host, port: listener.port, ca }));
    const beganMs = systemClock.monotonicMs();
    await listener.close();
    // a handshake may take 30 s, a request 60 s
    expect(systemClock.monotonicMs() - beganMs).toBeLessThan(20_000);
  });
});
