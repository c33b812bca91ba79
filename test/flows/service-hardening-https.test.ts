/** What a stranger may send to the HTTPS door without harm: it is refused, nothing hangs, and the next device is served. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { openRuleBed, serviceName, type RuleBed, type RuleReply, type RuleRequest } from '../rules/rule-bed.ts';
import { groupOf, makeAuthority, makeLeaf, type Leaf } from './service-devices.ts';
import { openRawTls, statusesIn, type RawTls } from './support/raw-tls.ts';

let bed: RuleBed;
let leaf: Leaf;
let authorization = '';
const id = 'pump-1';
const raws: RawTls[] = [];

beforeAll(async () => {
  bed = await openRuleBed();
  const line = await makeAuthority('Line 7');
  must(await bed.client.groups.put(groupOf('line-7', line.certificate)));
  leaf = await makeLeaf(id, line);
  authorization = await bed.owner();
});
afterAll(() => bed.close());

afterEach(async () => {
  for (const raw of raws.splice(0)) raw.close();
  expect((await register('{}')).status).toBe(202);
  expect(bed.errors).toEqual([]);
});

const register = (body: string | Uint8Array, more: Partial<RuleRequest> = {}): Promise<RuleReply> =>
  bed.ask({ method: 'PUT', path: bed.registerPath(id), body, tls: leaf.tls, ...more });

async function raw(): Promise<RawTls> {
  const opened = await openRawTls({
    ...{ host: bed.address, port: bed.ready.ports.https, ca: bed.caPem, servername: serviceName },
    ...{ cert: leaf.tls.certificatePem, key: leaf.tls.privateKeyPem },
  });
  raws.push(opened);
  return opened;
}

/** The request line and the headers; each line as it is given. */
const head = (first: string, ...headers: readonly string[]): string =>
  [first, `host: ${serviceName}`, ...headers, '', ''].join('\r\n');
const registerLine = (): string => `PUT ${bed.registerPath(id)} HTTP/1.1`;
const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`;

describe('a body', () => {
  it('of 10 MB is refused by its announced length, before it is sent', async () => {
    const peer = await raw();
    await peer.send(head(registerLine(), 'content-length: 10485760'));
    expect(await peer.until((text) => text.includes('}'))).toBe(true);
    expect(statusesIn(peer.text())).toEqual([413]);
    expect(peer.text()).toContain('"errorCode":413001');
  });

  it('of 10 MB in chunks is refused as soon as it is too long', async () => {
    const peer = await raw();
    await peer.send(head(registerLine(), 'transfer-encoding: chunked'));
    for (let sent = 0; sent < 160 && statusesIn(peer.text()).length === 0; sent += 1) await peer.send(chunk(65_536));
    await peer.until((text) => text.includes('}'));
    expect(statusesIn(peer.text())).toEqual([413]);
  });

  it.each([
    ['an invalid UTF-8 byte', Uint8Array.of(0x22, 0xff, 0x22)],
    ['a cut UTF-8 sequence', Uint8Array.of(0x22, 0xe2, 0x82, 0x22)],
    ['an encoded surrogate', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ['UTF-16', Buffer.from('{"registrationId":"pump-1"}', 'utf16le')],
    ['no JSON', Buffer.from('<register/>')],
    ['two JSON values', Buffer.from('{}{}')],
    ['a number', Buffer.from('7')],
    ['a list', Buffer.from('[{}]')],
    ['another id', Buffer.from('{"registrationId":"pump-2"}')],
    ['an id that is no text', Buffer.from('{"registrationId":{"a":1}}')],
    ['a TPM key that is no base64', Buffer.from('{"tpm":{"endorsementKey":"<>"}}')],
    ['half a megabyte of digits', Buffer.from(`{"payload":${'9'.repeat(500_000)},"registrationId":1}`)],
  ])('with %s is refused', async (_, body) => {
    expect(await register(body)).toMatchObject({ status: 400, json: { errorCode: 400_001 } });
  });

  it.each([
    ['lists', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects', '{"a":'.repeat(80_000) + '1' + '}'.repeat(80_000)],
    ['lists that do not end', '['.repeat(100_000)],
  ])('of %s in one another, 100,000 deep, is refused wherever it is sent', async (_, deep) => {
    expect(await register(`{"payload":${deep}}`)).toMatchObject({ status: 400 });
    const headers = { authorization };
    const twin = `{"registrationId":"deep","attestation":{"type":"none"},"initialTwin":{"tags":{"a":${deep}}}}`;
    for (const [method, path, body] of [
      ['PUT', '/enrollments/deep', twin],
      ['POST', '/enrollments', `{"mode":"create","enrollments":${deep}}`],
      ['POST', '/enrollments/query', `{"query":${deep}}`],
      ['PUT', '/benchline/v1/allocationPolicy', deep],
    ] as const) {
      expect((await bed.ask({ method, path, body, headers })).status).toBe(400);
    }
  });

  it('of 38,000 members is refused before any of them is looked at, wherever they stand', async () => {
    const members = Array.from({ length: 38_000 }, (_, at) => `"k${at}":1`).join(',');
    for (const body of [`{${members}}`, `{"tpm":{"endorsementKey":"AA==",${members}}}`, `{"payload":{${members}}}`]) {
      expect(await register(body)).toMatchObject({ status: 400, json: { errorCode: 400_001 } });
    }
  });

  it('with members named like what every object inherits changes nothing', async () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect((await register(`{"${name}":{"polluted":true},"payload":{"${name}":{"polluted":true}}}`)).status).toBe(
        202,
      );
    }
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('a head', () => {
  it.each([
    ['a header of 20 kB', [`x-long: ${'x'.repeat(20_000)}`]],
    ['10,000 headers', Array.from({ length: 10_000 }, (_, at) => `x-${at}: 1`)],
    ['two content lengths', ['content-length: 2', 'content-length: 3']],
    ['a content length that is no number', ['content-length: 2,2']],
    ['a negative content length', ['content-length: -1']],
    ['a length and chunks', ['content-length: 4', 'transfer-encoding: chunked']],
    ['chunks that are not last', ['transfer-encoding: chunked, identity']],
    ['an encoding that nobody knows', ['transfer-encoding: xchunked']],
    ['a space before the colon', ['transfer-encoding : chunked']],
    ['a folded header', ['x-a: 1', ' transfer-encoding: chunked']],
    ['a header without a name', [': 1']],
    ['a control character', ['x-a: a\x01\0b']],
    ['two hosts', ['host: other.example']],
  ])('with %s is refused, and what stands behind it is not taken for a request', async (_, headers) => {
    const peer = await raw();
    const smuggled = head(`GET /enrollments/smuggled HTTP/1.1`);
    await peer.send(head(registerLine(), ...headers) + '0\r\n\r\n' + smuggled);
    await peer.ended;
    expect(statusesIn(peer.text()).filter((status) => status < 400)).toEqual([]);
    expect(statusesIn(peer.text()).length).toBeLessThanOrEqual(1);
  });

  it.each([
    ['no HTTP', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    ['a later HTTP', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an unknown method', 'REGISTER / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['a proxy’s method', 'CONNECT hub.example:443 HTTP/1.1\r\nhost: hub.example\r\n\r\n'],
    ['an address of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`],
    ['an address with a space', 'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['ends of lines without a return', 'GET / HTTP/1.1\nhost: a\ncontent-length : 5\n\n'],
  ])('of %s ends the connection', async (_, bytes) => {
    const peer = await raw();
    await peer.send(Buffer.from(bytes, 'latin1'));
    await peer.ended;
    expect(statusesIn(peer.text()).filter((status) => status < 400)).toEqual([]);
  });

  it.each([
    '/%00',
    '/enrollments/%2e%2e%2f%2e%2e%2fservice.sqlite',
    '/enrollments/..%2Fregistrations',
    '//enrollments//x',
    '/./../x',
    `/${'%41'.repeat(4_000)}`,
    '/enrollments/%ff%fe',
    '/enrollments/%E2%82',
    '*',
    'https://other.example/enrollments/x',
    `/enrollments/${'x'.repeat(129)}`,
    '/enrollments/a?api-version=%zz&api-version=2',
  ])('asking for %s is answered with a refusal in JSON', async (target) => {
    const peer = await raw();
    await peer.send(head(`GET ${target} HTTP/1.1`, `authorization: ${authorization}`, 'connection: close'));
    await peer.ended;
    expect(statusesIn(peer.text())).toHaveLength(1);
    expect(statusesIn(peer.text())[0]).toBeGreaterThanOrEqual(400);
    expect(statusesIn(peer.text())[0]).toBeLessThan(500);
    expect(peer.text()).toContain('application/json');
  });
});

describe('a connection', () => {
  it('gets one answer for each request of a pipeline, and a poll’s body is not taken for the next request', async () => {
    const peer = await raw();
    const inner = head('DELETE /enrollmentGroups/line-7 HTTP/1.1', `authorization: ${authorization}`);
    const outer = head('GET /nothing HTTP/1.1', `content-length: ${inner.length}`);
    await peer.send(outer + inner + head('GET /nothing/else HTTP/1.1', 'connection: close'));
    await peer.ended;
    expect(statusesIn(peer.text())).toEqual([404, 404]);
    expect((await bed.client.groups.get('line-7')).ok).toBe(true);
  });

  it('may carry two hundred requests at once', async () => {
    const peer = await raw();
    await peer.send(head('GET /nothing HTTP/1.1').repeat(200) + head('GET /last HTTP/1.1', 'connection: close'));
    await peer.ended;
    expect(statusesIn(peer.text())).toEqual(Array.from({ length: 201 }, () => 404));
  });

  it('that ends in the middle of anything leaves nothing behind', async () => {
    const whole = head(registerLine(), 'content-length: 2') + '{}';
    for (let cut = 1; cut < whole.length; cut += 7) {
      const peer = await raw();
      await peer.send(whole.slice(0, cut));
      peer.close();
    }
    expect((await register('{}')).status).toBe(202);
  });

  it('may offer another protocol and is answered in this one', async () => {
    const offer = ['connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAAP__'];
    const peer = await raw();
    await peer.send(head('GET /nothing HTTP/1.1', ...offer));
    expect(await peer.until((text) => text.includes('}'))).toBe(true);
    expect(statusesIn(peer.text())).toEqual([404]);
  });
});
