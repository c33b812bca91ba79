/** What an enrollment's end, or a move to another, does to the registrations under it; and what the log says of it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import type { DeviceClaim } from '../../src-main/service/core/claim.ts';
import {
  groupOf,
  makeAuthority,
  makeLeaf,
  openTpmDevice,
  pemOf,
  type Leaf,
  type TpmDevice,
} from '../flows/service-devices.ts';
import { keyOfDevice, openProofBench, vectorKey, type ProofBench } from './proof-bench.ts';

let bench: ProofBench;
let line: Credential;
let leaf: Leaf;
let tpm: TpmDevice;
beforeAll(async () => {
  const first = await openProofBench();
  const nowMs = first.clock.nowMs();
  await first.close();
  line = await makeAuthority('Line 7', { nowMs });
  leaf = await makeLeaf('dev-01', line, { nowMs });
  tpm = await openTpmDevice();
});
afterAll(() => tpm.close());
beforeEach(async () => {
  bench = await openProofBench();
});
afterEach(() => bench.close());

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const otherKey = vectorKey.map((byte) => byte ^ 0xff);
const byKey = (key: Uint8Array) => ({
  attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: base64(key), secondaryKey: base64(key) } },
});
const byCertificate = () => ({
  attestation: { type: 'x509', x509: { clientCertificates: { primary: { certificate: pemOf(leaf.certificate) } } } },
});
const whyOf = async (claim: DeviceClaim): Promise<unknown> => {
  const answer = await bench.desk.register(claim);
  return answer.ok ? answer.value.is : answer.fault.detail?.['why'];
};

const proofs = [
  {
    name: 'a key of its own',
    kind: 'individual',
    id: 'dev-01',
    body: () => byKey(vectorKey),
    claim: async () => bench.claim('dev-01', { authorization: await bench.token('dev-01', vectorKey) }),
  },
  {
    name: "a group's key",
    kind: 'group',
    id: 'line-8',
    body: () => byKey(vectorKey),
    claim: async () => {
      const authorization = await bench.token('dev-01', keyOfDevice(vectorKey, 'dev-01'));
      return bench.claim('dev-01', { authorization });
    },
  },
  {
    name: 'a certificate of its own',
    kind: 'individual',
    id: 'dev-01',
    body: () => byCertificate(),
    claim: async () => bench.claim('dev-01', { certificates: [leaf.certificate] }),
  },
  {
    name: "a group's certificate",
    kind: 'group',
    id: 'line-7',
    body: () => groupOf('line-7', line.certificate),
    claim: async () => bench.claim('dev-01', { certificates: [leaf.certificate] }),
  },
  {
    name: 'a TPM',
    kind: 'individual',
    id: 'dev-01',
    body: () => tpm.enrollment({ registrationId: 'dev-01' }),
    claim: async () => {
      const { endorsementKey, storageRootKey } = tpm;
      const asked = bench.claim('dev-01', { body: { tpm: { endorsementKey, storageRootKey } } });
      const challenge = must(await bench.desk.register(asked));
      if (challenge.is !== 'challenge') throw new Error('a TPM is challenged');
      const sign = must(await tpm.activate(Buffer.from(challenge.authenticationKey, 'base64')));
      return { ...asked, authorization: await bench.token('dev-01', sign) };
    },
  },
] as const;

describe.each(proofs)('a device with $name', ({ kind, id, body, claim }) => {
  it('polls its assignment while it is enrolled, and not after it is disabled or removed', async () => {
    await bench.put(kind, id, body());
    const device = await claim();
    const started = must(await bench.desk.register(device));
    if (started.is !== 'started') throw new Error('it has proven itself');
    const operationId = String(started.operation.json['operationId']);
    expect(await bench.finished(device, operationId)).toMatchObject({ status: 'assigned' });
    await bench.put(kind, id, { ...body(), provisioningStatus: 'disabled' });
    const disabled = await bench.desk.poll(device, operationId);
    expect(disabled).toMatchObject({ fault: { code: 'unauthorized', detail: { why: 'enrollment-disabled' } } });
    must(await bench.enrollments.remove(kind, id, { is: 'none' }));
    const removed = await bench.desk.poll(device, operationId);
    expect(removed).toMatchObject({ fault: { code: 'unauthorized', detail: { why: 'enrollment-gone' } } });
  });
});

it('a poll says by which check it was refused, and another device than its own learns nothing', async () => {
  await bench.put('individual', 'dev-01', byKey(vectorKey));
  const device = bench.claim('dev-01', { authorization: await bench.token('dev-01', vectorKey) });
  const started = must(await bench.desk.register(device));
  if (started.is !== 'started') throw new Error('it has proven itself');
  const id = String(started.operation.json['operationId']);
  const wrong = { ...device, authorization: await bench.token('dev-01', otherKey) };
  const answer = await bench.desk.poll(wrong, id);
  const fault = { code: 'unauthorized', say: 'Unauthorized', detail: { why: 'wrong-signature' } };
  expect(answer).toMatchObject({ fault });
});

describe("a registration is the id's, whichever group proves it", () => {
  it("a device that has another group's key moves there, with its place, and the log tells of it", async () => {
    await bench.put('group', 'line-7', byKey(vectorKey));
    await bench.put('group', 'line-8', byKey(otherKey));
    const of = async (key: Uint8Array) =>
      bench.claim('dev-01', { authorization: await bench.token('dev-01', keyOfDevice(key, 'dev-01')) });
    const first = await bench.registered(await of(vectorKey));
    const second = await bench.registered(await of(otherKey));
    expect(first).toMatchObject({ symmetricKey: { enrollmentGroupId: 'line-7' } });
    expect(second).toMatchObject({ status: 'assigned', symmetricKey: { enrollmentGroupId: 'line-8' } });
    // one record, one device, whose key is the new one
    const page = must(await bench.desk.page({ after: undefined, limit: 9 }));
    expect(page.items).toMatchObject([{ id: 'dev-01', groupKey: 'line-8' }]);
    expect(bench.hubs.devices.size).toBe(1);
    const primaryKey = base64(keyOfDevice(otherKey, 'dev-01'));
    expect([...bench.hubs.devices.values()]).toMatchObject([{ authentication: { primaryKey } }]);
    const told = bench.lines.filter(({ event }) => event === 'registration-changed-group');
    expect(told).toMatchObject([{ level: 'warn', registrationId: 'dev-01', fromGroup: 'line-7', group: 'line-8' }]);
  });

  it('an enrollment of its own keeps every group away from a device', async () => {
    await bench.put('group', 'line-8', byKey(otherKey));
    await bench.put('individual', 'dev-01', byCertificate());
    await bench.registered(bench.claim('dev-01', { certificates: [leaf.certificate] }));
    const authorization = await bench.token('dev-01', keyOfDevice(otherKey, 'dev-01'));
    expect(await bench.desk.register(bench.claim('dev-01', { authorization }))).toMatchObject({
      fault: { code: 'unauthorized' },
    });
  });
});

describe('the log learns which check failed', () => {
  it('of a key', async () => {
    await bench.put('individual', 'dev-01', byKey(vectorKey));
    await bench.put('individual', 'dev-02', { ...byKey(vectorKey), provisioningStatus: 'disabled' });
    const by = async (id: string, key: Uint8Array, more = {}) =>
      whyOf(bench.claim(id, { authorization: await bench.token(id, key, more) }));
    expect(await by('dev-01', otherKey)).toBe('wrong-signature');
    expect(await by('dev-01', vectorKey, { endsInS: -3_600 })).toBe('token-expired');
    expect(await by('dev-01', vectorKey, { resource: 'elsewhere' })).toBe('token-for-another');
    expect(await by('dev-02', vectorKey)).toBe('enrollment-disabled');
    expect(await by('nobody', vectorKey)).toBe('no-enrollment');
    expect(await whyOf(bench.claim('dev-01', { authorization: 'Basic eA==' }))).toBe('token-unreadable');
    expect(await whyOf(bench.claim('dev-01', { idScope: '0ne00FFFFFF' }))).toBe('unknown-scope');
  });

  it('of a certificate', async () => {
    const nowMs = bench.clock.nowMs();
    await bench.put('group', 'line-7', groupOf('line-7', line.certificate));
    await bench.put('individual', 'dev-02', byCertificate());
    const by = (id: string, ...certificates: readonly Uint8Array[]) => whyOf(bench.claim(id, { certificates }));
    const stranger = await makeLeaf('dev-03', await makeAuthority('Nobody', { nowMs }), { nowMs });
    const forged = await makeLeaf('dev-04', await makeAuthority('Line 7', { nowMs }), { nowMs });
    expect(await by('dev-01')).toBe('no-proof');
    expect(await by('dev-01', Uint8Array.of(1, 2))).toBe('certificate-unreadable');
    expect(await by('dev-09', leaf.certificate)).toBe('other-common-name');
    expect(await by('dev-03', stranger.certificate)).toBe('no-enrollment');
    expect(await by('dev-04', forged.certificate)).toBe('chain: chain-incomplete');
    bench.clock.setNow(nowMs + 400 * 86_400_000);
    expect(await by('dev-01', leaf.certificate)).toBe('chain: chain-expired');
    await bench.put('individual', 'dev-01', byCertificate());
    expect(await by('dev-01', leaf.certificate)).toBe('certificate-out-of-date');
    expect(await by('dev-01', forged.certificate)).toBe('other-common-name');
  });

  it('of a TPM', async () => {
    const other = await openTpmDevice();
    await bench.put('individual', 'dev-01', tpm.enrollment({ registrationId: 'dev-01' }));
    const { endorsementKey, storageRootKey } = other;
    const imposter = bench.claim('dev-01', { body: { tpm: { endorsementKey, storageRootKey } } });
    expect(await whyOf(imposter)).toBe('other-endorsement-key');
    expect(await whyOf(bench.claim('dev-01'))).toBe('no-proof');
    const authorization = await bench.token('dev-01', vectorKey);
    expect(await whyOf(bench.claim('dev-01', { authorization }))).toBe('wrong-signature');
    await other.close();
  });
});
