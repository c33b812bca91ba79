/** What a sender who has no TPM can put before the service: it is bounded, refused, counted, and never kept. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concatBytes, utf8 } from '../../src-main/lib/base/bytes.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { maxTpmPublicBytes } from '../../src-main/lib/dps/wire.ts';
import { tpmExchange } from '../../src-main/service/amqp/sasl.ts';
import type { DeviceClaim } from '../../src-main/service/core/claim.ts';
import { registrationOf } from '../../src-main/service/core/registration-body.ts';
import { openTpmDevice, type TpmDevice } from '../flows/service-devices.ts';
import { openProofBench, vectorKey, type ProofBench } from './proof-bench.ts';

const id = 'dev-01';
let tpm: TpmDevice;
let bench: ProofBench;
beforeAll(async () => {
  tpm = await openTpmDevice();
});
afterAll(() => tpm.close());
beforeEach(async () => {
  bench = await openProofBench();
  await bench.put('individual', id, tpm.enrollment({ registrationId: id }));
});
afterEach(() => bench.close());

const base64 = (length: number): string => Buffer.alloc(length, 7).toString('base64');
const showing = (storageRootKey: string | undefined, more: Partial<DeviceClaim> = {}): DeviceClaim => {
  const keys = storageRootKey === undefined ? {} : { storageRootKey };
  return bench.claim(id, { body: { tpm: { endorsementKey: tpm.endorsementKey, ...keys } }, ...more });
};
const unusable = { fault: { code: 'invalid', detail: { why: 'tpm-key-unusable' } } };
const activated = async (): Promise<string> => {
  const challenge = must(await bench.desk.register(showing(tpm.storageRootKey)));
  if (challenge.is !== 'challenge') throw new Error('a TPM is challenged');
  return bench.token(id, must(await tpm.activate(Buffer.from(challenge.authenticationKey, 'base64'))));
};

describe('a key that is larger than any of a TPM', () => {
  it('is no device registration, on every wire that carries JSON', () => {
    const read = (endorsementKey: string, storageRootKey: string) =>
      registrationOf({ tpm: { endorsementKey, storageRootKey } }).ok;
    const [most, more] = [base64(maxTpmPublicBytes), base64(maxTpmPublicBytes + 3)];
    expect([read(most, most), read(more, most), read(most, more)]).toEqual([true, false, false]);
  });

  it('is refused by the core with a token and without one, and leaves nothing', async () => {
    const authorization = await bench.token(id, vectorKey);
    for (const length of [maxTpmPublicBytes + 1, 370_000]) {
      for (const claim of [showing(base64(length)), showing(base64(length), { authorization })]) {
        expect(await bench.desk.register(claim)).toMatchObject(unusable);
        expect(await bench.desk.admit(claim)).toMatchObject(unusable);
      }
    }
    expect(bench.challenges.size).toBe(0);
  });

  it('ends a login by SASL TPM', async () => {
    const peer = { certificates: [], serverName: undefined, localAddress: '127.0.0.1', remoteAddress: '127.0.0.1' };
    const exchange = tpmExchange({ registrations: bench.desk, log: silentLog }, peer);
    const zero = Uint8Array.of(0);
    const { idScope } = bench.claim(id);
    const ek = Buffer.from(tpm.endorsementKey, 'base64');
    const started = await exchange.start(concatBytes(zero, utf8(idScope), zero, utf8(id), zero, ek));
    expect(started.is).toBe('challenge');
    expect(await exchange.step(concatBytes(zero, new Uint8Array(370_000)))).toEqual({ is: 'refused' });
    expect(bench.challenges.size).toBe(0);
  });

  it('is not enrolled', async () => {
    const attestation = { type: 'tpm', tpm: { endorsementKey: tpm.endorsementKey, storageRootKey: base64(2_000) } };
    const change = {
      id: 'dev-02',
      body: { registrationId: 'dev-02', attestation },
      condition: { is: 'none' },
    } as const;
    expect(await bench.enrollments.put('individual', change)).toMatchObject({ fault: { code: 'invalid' } });
  });
});

it('what is no key of a TPM is not kept, counts as a wrong proof, and is not looked at without end', async () => {
  const codes = new Set<string>();
  for (let at = 0; at < 40; at += 1) {
    const answer = await bench.desk.register(showing(base64(300 + at)));
    codes.add(answer.ok ? answer.value.is : answer.fault.code);
  }
  expect([...codes]).toEqual(['invalid', 'throttled']);
  expect(bench.challenges.size).toBe(0);
  expect(await bench.desk.register(showing(base64(300)))).toMatchObject({ fault: { code: 'throttled' } });
  const elsewhere = await bench.desk.register(showing(tpm.storageRootKey, { source: '203.0.113.9' }));
  expect(elsewhere).toMatchObject({ value: { is: 'challenge' } });
});

it('a registration that shows no storage root key, and none is enrolled, says so', async () => {
  expect(await bench.desk.register(showing(undefined))).toMatchObject(unusable);
});

it('a token is answered with the storage root key, with the endorsement key alone, and with neither', async () => {
  const authorization = await activated();
  expect(bench.challenges.size).toBe(1);
  const claims = [showing(tpm.storageRootKey), showing(undefined), bench.claim(id)];
  for (const claim of claims) {
    expect(await bench.desk.register({ ...claim, authorization })).toMatchObject({ value: { is: 'started' } });
  }
});

it('a token that is over is told as such, whoever signed it', async () => {
  const signed = await activated();
  const forged = await bench.token(id, vectorKey, { endsInS: -1_000 });
  const over = { fault: { code: 'unauthorized', detail: { why: 'token-expired' } } };
  expect(await bench.desk.register(showing(tpm.storageRootKey, { authorization: forged }))).toMatchObject(over);
  await bench.clock.advance(2 * 3_600_000);
  expect(await bench.desk.register(showing(tpm.storageRootKey, { authorization: signed }))).toMatchObject(over);
});
