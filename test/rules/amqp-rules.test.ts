/** The rules of dps-wire section 11 that a device meets over AMQP. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src-main/lib/base/bytes.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { saslHeader, type RawAmqp } from '../exams/amqp-raw.ts';
import {
  groupOf,
  makeAuthority,
  makeLeaf,
  openTpmDevice,
  type Leaf,
  type TpmDevice,
} from '../flows/service-devices.ts';
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
  type Refusal,
  type Reply,
} from '../flows/support/amqp-scripts.ts';
import { outcomeOf } from './outcome.ts';
import { openRuleBed, type RuleBed } from './rule-bed.ts';

const id = 'lift-1';
const key = Uint8Array.from({ length: 32 }, (_, at) => at);

let bed: RuleBed;
let leaf: Leaf;
let tpm: TpmDevice;

beforeAll(async () => {
  bed = await openRuleBed();
  const line = await makeAuthority('Line 9');
  must(await bed.client.groups.put(groupOf('line-9', line.certificate)));
  leaf = await makeLeaf(id, line);
  tpm = await openTpmDevice();
  must(await bed.client.enrollments.put(tpm.enrollment()));
  const primaryKey = Buffer.from(key).toString('base64');
  const symmetricKey = { primaryKey, secondaryKey: primaryKey };
  const attestation = { type: 'symmetricKey' as const, symmetricKey };
  must(await bed.client.enrollments.put({ registrationId: 'lift-2', attestation }));
});
afterAll(async () => {
  await tpm.close();
  await bed.close();
});

const place = () => ({ host: bed.address, caPem: bed.caPem, port: bed.ready.ports.amqps });
const addressOf = (name: string): string => `${bed.ready.idScope}/registrations/${name}`;

async function byCertificate(): Promise<Conversation> {
  const client = await dial(place(), { cert: leaf.tls.certificatePem, key: leaf.tls.privateKeyPem });
  return openLinks(client, addressOf(id));
}

const isReply = (outcome: Reply | Refusal | string): outcome is Reply =>
  typeof outcome === 'object' && 'application' in outcome;
const register = { operation: 'iotdps-register', body: Buffer.from(JSON.stringify({ registrationId: id })) } as const;

it('[rule 6] an answer is one data section of JSON, with retry-after in both spellings', async () => {
  const conversation = await byCertificate();
  const reply = await outcomeOf(conversation.ask(register));
  expect(isReply(reply) ? 'an answer' : reply).toBe('an answer');
  if (!isReply(reply)) return;
  expect(reply.isOneDataSection).toBe(true);
  expect(reply.json).toMatchObject({ status: 'assigning', operationId: expect.any(String) as string });
  expect(reply.application).toEqual({ 'retry-after': 3, 'Retry-After': 3 });
});

it('[rule 7] a correlation id comes back as the string that it was, and none where there was none', async () => {
  const conversation = await byCertificate();
  for (const correlationId of ['d3b1a2c4-0000-4000-8000-000000000001', '7', undefined]) {
    const reply = await outcomeOf(conversation.ask({ ...register, correlationId }));
    expect(isReply(reply) ? reply.correlationId : reply).toBe(correlationId);
  }
});

it('[rule 8] a TPM’s blob comes in exactly two segments, 80 and C1', async () => {
  const client = await dial(place());
  const ek = Buffer.from(tpm.endorsementKey, 'base64');
  const scope = utf8(bed.ready.idScope);
  client.send(saslHeader, saslInit('TPM', concatBytes(zero, scope, zero, utf8(tpm.registrationId), zero, ek)));
  expect(await challenge(client)).toEqual(Buffer.of(0));
  client.send(saslResponse(zero, Buffer.from(tpm.storageRootKey, 'base64')));
  const first = await challenge(client);
  client.send(saslResponse(zero));
  const second = await challenge(client);
  expect([first[0], second[0]]).toEqual([0x80, 0xc1]);
  expect(Math.max(first.length, second.length)).toBeLessThanOrEqual(471);
  const activated = await tpm.activate(Buffer.concat([first.subarray(1), second.subarray(1)]));
  expect(activated.ok).toBe(true);
});

async function challenge(client: RawAmqp): Promise<Buffer> {
  const frame = await outcomeOf(client.until('challenge'));
  expect(typeof frame).toBe('object');
  return typeof frame === 'string' ? Buffer.of() : (frame.fields['challenge'] as Buffer);
}

it('[rule 19] a register over AMQP may have empty data, a value or no body', async () => {
  const conversation = await byCertificate();
  for (const body of [Buffer.alloc(0), '', undefined]) {
    const asked = body === undefined ? {} : { body };
    const reply = await outcomeOf(conversation.ask({ operation: 'iotdps-register', ...asked }));
    expect(isReply(reply) ? reply.json : reply).toMatchObject({ status: 'assigning' });
  }
});

it('[rule 22] everything may be sent before our own open: header, open, begin, both links and the credit', async () => {
  const client = await dial(place());
  const address = addressOf('lift-2');
  expect(await outcomeOf(plainLogin(client, address, sasToken(address, key, '&skn=')))).toBe(0);
  const opened = await outcomeOf(openPipelined(client, `/${address}`, `${bed.address}:5671`));
  expect(typeof opened === 'string' ? opened : 'open').toBe('open');
  if (typeof opened === 'string') return;
  const reply = await outcomeOf(opened.ask({ operation: 'iotdps-register', body: Buffer.from('{}') }));
  expect(isReply(reply) ? reply.json : reply).toMatchObject({ status: 'assigning' });
});
