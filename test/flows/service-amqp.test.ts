/** The device API over AMQP, against the real service program: as C, C#, Java and Node speak it, and as nobody should. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src-main/lib/base/bytes.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { amqpHeader, attach, begin, open, saslHeader } from '../exams/amqp-raw.ts';
import { openServiceBed, type ServiceBed } from './service-bed.ts';
import {
  groupOf,
  makeAuthority,
  makeLeaf,
  openTpmDevice,
  pemOf,
  type Leaf,
  type TpmDevice,
} from './service-devices.ts';
import {
  dial,
  openLinks,
  openPipelined,
  plainLogin,
  sasToken,
  saslInit,
  saslResponse,
  zero,
  type Conversation,
  type Place,
  type Reply,
} from './support/amqp-scripts.ts';

let bed: ServiceBed;
let place: Place;
let tpm: TpmDevice;
let leaf: Leaf;
const key = Uint8Array.from({ length: 32 }, (_, at) => at);

beforeAll(async () => {
  bed = await openServiceBed(1);
  place = { host: bed.address, caPem: bed.caPem };
  tpm = await openTpmDevice();
  const authority = await makeAuthority('AMQP line');
  leaf = await makeLeaf('amqp-x1', authority);
  must(await bed.client.groups.put(groupOf('amqp-line', authority.certificate)));
  must(await bed.client.enrollments.put(tpm.enrollment()));
  const own = await makeLeaf('amqp-own', authority);
  must(
    await bed.client.enrollments.put({
      registrationId: 'amqp-own',
      attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: pemOf(own.certificate) } } } },
    }),
  );
});

afterAll(async () => {
  await tpm.close();
  await bed.close();
});

/** Enrolled by a symmetric key that the test knows. */
async function enrolled(registrationId: string): Promise<string> {
  const primaryKey = Buffer.from(key).toString('base64');
  const symmetricKey = { primaryKey, secondaryKey: Buffer.from(key.toReversed()).toString('base64') };
  must(await bed.client.enrollments.put({ registrationId, attestation: { type: 'symmetricKey', symmetricKey } }));
  return `${bed.ready.idScope}/registrations/${registrationId}`;
}

const certified = () => ({ cert: leaf.tls.certificatePem, key: leaf.tls.privateKeyPem });
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

/** Every answer as every client needs it. */
function expectAssigned(replies: readonly Reply[], registrationId: string): void {
  const [first] = replies;
  const last = replies.at(-1)!;
  expect(replies.length).toBeGreaterThan(1);
  expect(first!.json).toMatchObject({ status: 'assigning', operationId: expect.any(String) as string });
  expect(first!.application).toEqual({ 'retry-after': 1, 'Retry-After': 1 });
  expect(last.json).toMatchObject({ status: 'assigned', operationId: first!.json['operationId'] });
  expect(last.json['registrationState']).toMatchObject({ registrationId, assignedHub: bed.hubs[0]!.hostName });
  expect(last.application).toEqual({});
  expect(replies.every(({ isOneDataSection }) => isOneDataSection)).toBe(true);
}

describe('a device over AMQP', () => {
  it('[rule 6] [rule 9] registers as C does: PLAIN, a full address, %2f, no correlation id, the same body for polls', async () => {
    const address = await enrolled('amqp-c');
    const client = await dial(place);
    const sr = address.replaceAll('/', '%2f');
    expect(await plainLogin(client, address, sasToken(sr, key))).toBe(0);
    const conversation = await openLinks(client, `amqps://${bed.address}/${address}`, ['recv_link', 'sender_link']);
    const body = json({ registrationId: 'amqp-c' });
    const replies = await conversation.register({ body }, { body });
    expectAssigned(replies, 'amqp-c');
    expect(replies.map(({ correlationId }) => correlationId)).toEqual(replies.map(() => undefined));
  });

  it('[rule 7] [rule 19] registers as C# does: a certificate and no SASL, one correlation id, an empty body, a value to poll', async () => {
    const client = await dial(place, certified());
    const conversation = await openLinks(client, `${bed.ready.idScope}/registrations/amqp-x1`);
    const correlationId = 'd3b1a2c4-0000-4000-8000-000000000001';
    const poll = { correlationId, body: 'iotdps-get-operationstatus' };
    const replies = await conversation.register({ correlationId, body: Buffer.alloc(0) }, poll);
    expectAssigned(replies, 'amqp-x1');
    expect(new Set(replies.map((reply) => reply.correlationId))).toEqual(new Set([correlationId]));
  });

  it('[rule 22] registers as Java does: everything at once, a slash first, a host with a port, no body to poll', async () => {
    const address = await enrolled('amqp-j');
    const client = await dial(place);
    // the resource not encoded, `skn` empty
    expect(await plainLogin(client, address, sasToken(address, key, '&skn='))).toBe(0);
    const conversation = await openPipelined(client, `/${address}`, `${bed.address}:5671`);
    expectAssigned(await conversation.register({ body: json({ registrationId: 'amqp-j' }) }, {}), 'amqp-j');
  });

  it('[rule 8] registers by a TPM as Java does: two segments, 80 and C1, the keys within SASL alone', async () => {
    const { registrationId } = tpm;
    const client = await dial(place);
    const { idScope } = bed.ready;
    const ek = Buffer.from(tpm.endorsementKey, 'base64');
    client.send(saslHeader, saslInit('TPM', concatBytes(zero, utf8(idScope), zero, utf8(registrationId), zero, ek)));
    const challenge = async (): Promise<Buffer> => (await client.until('challenge')).fields['challenge'] as Buffer;
    expect(await challenge()).toEqual(Buffer.of(0));
    client.send(saslResponse(zero, Buffer.from(tpm.storageRootKey, 'base64')));
    const first = await challenge();
    client.send(saslResponse(zero));
    const second = await challenge();
    expect([first[0], second[0]]).toEqual([0x80, 0xc1]);
    const sign = must(await tpm.activate(Buffer.concat([first.subarray(1), second.subarray(1)])));
    const sr = `${idScope}/registrations/${registrationId}`;
    const se = Math.floor(performance.timeOrigin / 1_000) + 36_000;
    const sig = encodeURIComponent(Buffer.from(must(await sign(utf8(`${sr}\n${se}`)))).toString('base64'));
    client.send(saslResponse(zero, utf8(`SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=`)));
    expect((await client.until('outcome')).fields['code']).toBe(0);
    const conversation = await openPipelined(client, `/${sr}`, `${bed.address}:5671`);
    const replies = await conversation.register({ body: json({ registrationId }) }, {});
    expectAssigned(replies, registrationId);
    const blob = (replies.at(-1)!.json['registrationState'] as { tpm: { authenticationKey: string } }).tpm;
    must(await tpm.activate(Buffer.from(blob.authenticationKey, 'base64')));
  });

  it('polls an operation from another connection', async () => {
    const one = await openLinks(await dial(place, certified()), `${bed.ready.idScope}/registrations/AMQP-X1`);
    const started = (await one.ask({ operation: 'iotdps-register' })) as Reply;
    const other = await openLinks(await dial(place, certified()), `/${bed.ready.idScope}/registrations/amqp-x1`);
    const operationId = started.json['operationId'] as string;
    const seen = (await other.ask({ operation: 'iotdps-get-operationstatus', operationId })) as Reply;
    expect(seen.json['operationId']).toBe(operationId);
  });

  it('gets its answers in the order of its requests, however many it sends at once', async () => {
    const conversation = await openLinks(await dial(place, certified()), `${bed.ready.idScope}/registrations/amqp-x1`);
    const ids = Array.from({ length: 10 }, (_, at) => `c-${at}`);
    const replies = await Promise.all(ids.map((correlationId) => queued(conversation, correlationId)));
    expect(replies).toEqual(ids);
  });
});

/** Sends at once; takes its turn in reading. */
let reading: Promise<unknown> = Promise.resolve();
function queued(conversation: Conversation, correlationId: string): Promise<unknown> {
  const turn = reading.then(async () => {
    const reply = await conversation.ask({ operation: 'iotdps-register', correlationId });
    return 'condition' in reply ? reply.condition : reply.correlationId;
  });
  reading = turn;
  return turn;
}

describe('a device that may not, over AMQP', () => {
  it('is refused at its login by a wrong key, an unknown id, another scope and no token', async () => {
    const address = await enrolled('amqp-wrong');
    const wrong = new Uint8Array(32).fill(9);
    const logins: readonly [string, string][] = [
      [address, sasToken(address, wrong)],
      [`${bed.ready.idScope}/registrations/nobody`, sasToken(`${bed.ready.idScope}/registrations/nobody`, key)],
      ['0neFFFFFFFF/registrations/amqp-wrong', sasToken('0neFFFFFFFF/registrations/amqp-wrong', key)],
      [address, sasToken(`${bed.ready.idScope}/registrations/another`, key)],
      [address, ''],
      ['nonsense', sasToken(address, key)],
    ];
    for (const [name, token] of logins) {
      const client = await dial(place);
      expect(await plainLogin(client, name, token)).toBe(1);
      expect(await client.next()).toEqual({ is: 'end-of-stream' });
    }
  });

  it('is refused within SASL TPM by another endorsement key, a wrong token, and bytes that are none', async () => {
    const { idScope } = bed.ready;
    const init = (ek: Uint8Array) => concatBytes(zero, utf8(idScope), zero, utf8(tpm.registrationId), zero, ek);
    const ek = Buffer.from(tpm.endorsementKey, 'base64');
    const srk = Buffer.from(tpm.storageRootKey, 'base64');
    const other = Buffer.from(ek).fill(7, 100, 110);
    const runs: readonly (readonly Uint8Array[])[] = [
      [init(other), concatBytes(zero, srk)],
      [init(ek), concatBytes(zero, srk), zero, concatBytes(zero, utf8(sasToken('a/registrations/b', key)))],
      [init(ek), concatBytes(Uint8Array.of(0xd0), srk)],
      [init(ek), concatBytes(zero, new Uint8Array(300))],
      [init(new Uint8Array())],
      [utf8('nonsense')],
    ];
    for (const [first, ...responses] of runs) {
      const client = await dial(place);
      client.send(saslHeader, saslInit('TPM', first!));
      for (const response of responses) {
        await client.until('challenge');
        client.send(saslResponse(response));
      }
      expect((await client.until('outcome')).fields['code']).toBe(1);
    }
  });

  it('is closed when it speaks AMQP at once and shows no certificate', async () => {
    const client = await dial(place);
    client.send(amqpHeader, open(), begin());
    expect((await client.until('close')).fields['error']).toMatchObject({ condition: 'amqp:unauthorized-access' });
    expect(await client.next()).toEqual({ is: 'end-of-stream' });
  });

  it('has a link refused by the text of the real service, or when it is another device’s', async () => {
    const client = await dial(place, certified());
    const link = (name: string, handle: number, address: string) => attach({ name, handle, sends: true, address });
    client.send(amqpHeader, open(), begin(), link('a', 0, 'some/where'));
    expect((await client.until('detach')).fields['error']).toMatchObject({
      condition: 'amqp:invalid-field',
      description: "The link address 'some/where' did not match any of the expected formats.",
    });
    client.send(link('b', 1, `${bed.ready.idScope}/registrations/amqp-x1`));
    await client.until('flow');
    client.send(link('c', 2, `${bed.ready.idScope}/registrations/another`));
    expect((await client.until('detach')).fields['error']).toMatchObject({ condition: 'amqp:unauthorized-access' });
  });

  it('has each request refused with a condition and the error as JSON, and goes on', async () => {
    const conversation = await openLinks(await dial(place, certified()), `${bed.ready.idScope}/registrations/amqp-x1`);
    const poll = { operation: 'iotdps-get-operationstatus', operationId: '5.0000000000000000.none' };
    expect(await conversation.ask(poll)).toMatchObject({ condition: 'amqp:not-found', error: { errorCode: 404_201 } });
    expect(await conversation.ask({ operation: 'iotdps-get-registration' })).toMatchObject({
      condition: 'amqp:not-allowed',
      error: {
        errorCode: 400_001,
        trackingId: expect.any(String) as string,
        timestampUtc: expect.any(String) as string,
      },
    });
    const bad = { operation: 'iotdps-register', body: Buffer.from('{') };
    expect(await conversation.ask(bad)).toMatchObject({ condition: 'amqp:not-allowed' });
    expectAssigned(await conversation.register({ body: json({ payload: 'a string' }) }, {}), 'amqp-x1');
    const stranger = await openLinks(await dial(place, certified()), `${bed.ready.idScope}/registrations/amqp-own`);
    expect(await stranger.ask({ operation: 'iotdps-register' })).toMatchObject({
      condition: 'amqp:unauthorized-access',
      error: { errorCode: 401_002 },
    });
  });

  it('is told when to come again, in both spellings, after too many wrong credentials', async () => {
    const address = `${bed.ready.idScope}/registrations/amqp-flood`;
    const conversation = await openLinks(await dial(place, certified()), address);
    let refusal: unknown;
    for (let attempt = 0; attempt < 60; attempt += 1) {
      refusal = await conversation.ask({ operation: 'iotdps-register' });
      if (JSON.stringify(refusal).includes('throttled')) break;
    }
    expect(refusal).toMatchObject({
      condition: 'com.microsoft:device-container-throttled',
      error: { errorCode: 429_001 },
    });
    const { text } = refusal as { text: string };
    expect(text).toMatch(/"retry-after",\d+/);
    expect(text).toMatch(/"Retry-After",\d+/);
    // the others are not held up by it
    const other = await openLinks(await dial(place, certified()), `${bed.ready.idScope}/registrations/amqp-x1`);
    expectAssigned(await other.register({}, {}), 'amqp-x1');
  });
});
