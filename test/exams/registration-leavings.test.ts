/** What registrations leave behind: in the store, in the hubs, and in what older polls are told. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failed, must, type Result } from '../../src-main/lib/base/result.ts';
import { dpsFault } from '../../src-main/lib/dps/faults.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { createCsr } from '../../src-main/lib/x509/csr.ts';
import { generateKey, privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { thumbprintOf } from '../../src-main/service/core/attestation-form.ts';
import type { DeviceClaim } from '../../src-main/service/core/claim.ts';
import { groupOf, makeAuthority, makeLeaf } from '../flows/service-devices.ts';
import { keyOfDevice, openProofBench, vectorKey, type ProofBench } from './proof-bench.ts';

let bench: ProofBench;
let issuing: Credential;
beforeAll(async () => {
  const first = await openProofBench();
  issuing = await makeAuthority('Operational CA', { nowMs: first.clock.nowMs() });
  await first.close();
});
beforeEach(async () => {
  bench = await openProofBench();
});
afterEach(() => bench.close());

const otherKey = vectorKey.map((byte) => byte ^ 0xff);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const byKey = (key: Uint8Array) => ({
  attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: base64(key), secondaryKey: base64(key) } },
});
const claimOf = async (id: string, key: Uint8Array = vectorKey, body: DeviceClaim['body'] = {}) =>
  bench.claim(id, { authorization: await bench.token(id, key), body, apiVersion: '2025-07-01-preview' });

async function begun(claim: DeviceClaim): Promise<string> {
  const started = must(await bench.desk.register(claim));
  if (started.is !== 'started') throw new Error('it has proven itself');
  return String(started.operation.json['operationId']);
}

/** As `bench.finished`, with the worker's own pauses. */
async function ended(claim: DeviceClaim, id: string): Promise<Record<string, unknown>> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    const polled = must(await bench.desk.poll(claim, id));
    if (polled.isDone) return polled.json['registrationState'] as Record<string, unknown>;
    await bench.clock.advance(20);
  }
  throw new Error('the worker did not finish');
}

/** The hub's next write of a device waits until it is let go, and is told of when it has come. */
function heldPut() {
  const { registry } = bench.hubs;
  const putDevice = registry.putDevice.bind(registry);
  let letGo: () => void = () => undefined;
  let tell: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const came = new Promise<void>((resolve) => (tell = resolve));
  registry.putDevice = async (hub, device) => {
    registry.putDevice = putDevice;
    tell();
    await gate;
    return putDevice(hub, device);
  };
  return { letGo, came };
}

describe('the operations of one registration id', () => {
  it('are eight at the most, finished or not, and keep what the device sent along no longer than they need it', async () => {
    await bench.put('individual', 'dev-01', byKey(vectorKey));
    const payload = 'p'.repeat(90_000);
    const claim = await claimOf('dev-01', vectorKey, { payload });
    const ids: string[] = [];
    for (let turn = 0; turn < 12; turn += 1) {
      const id = await begun(claim);
      ids.push(id);
      if (turn < 6) await ended(claim, id);
    }
    await ended(claim, ids.at(-1) ?? '');
    const kept = await Promise.all(ids.map(async (id) => must(await bench.store.operation(id))));
    expect(kept.map((one) => one !== undefined)).toEqual(ids.map((_, at) => at >= 4));
    expect(kept.filter((one) => one?.payload !== undefined)).toEqual([]);
  });

  it('under way have what the newest sent along, and the look for work loads none of it', async () => {
    await bench.put('individual', 'dev-01', byKey(vectorKey));
    const held = heldPut();
    const claims = await Promise.all(['a', 'b', 'c'].map((payload) => claimOf('dev-01', vectorKey, { payload })));
    const ids: string[] = [];
    for (const claim of claims) ids.push(await begun(claim));
    const payloads = await Promise.all(ids.map(async (id) => must(await bench.store.operation(id))?.payload));
    expect(payloads).toEqual([undefined, undefined, 'c']);
    const found = must(await bench.store.pendingOperations(bench.clock.nowMs() + 1, 10));
    expect(found.map(({ id, payload }) => [id, payload])).toEqual([[ids[2], undefined]]);
    held.letGo();
  });
});

describe('every certificate that a device is told is the one that its hub knows', () => {
  const request = async (): Promise<string> => base64(must(await createCsr('dev-01', (await generateKey('p256')).key)));
  const thumbprintAtHub = (): string => {
    const [device] = bench.hubs.devices.values();
    if (device?.authentication.type !== 'selfSigned') throw new Error('it has a certificate');
    return device.authentication.primaryThumbprint.toLowerCase();
  };
  const leafOf = (state: Record<string, unknown>): string => {
    const [leaf = ''] = state['issuedCertificateChain'] as string[];
    return thumbprintOf(Buffer.from(leaf, 'base64'));
  };
  beforeEach(async () => {
    await bench.put('individual', 'dev-01', byKey(vectorKey));
    const signer = {
      certificates: certificatesToPem([issuing.certificate]),
      privateKey: privateKeyToPem(issuing.privateKey),
      validityDays: 10,
    };
    must(await bench.signers.set('individual', 'dev-01', signer));
  });

  it.each([
    ['when the second registration begins before the first has ended', true],
    ['when it begins after that', false],
  ])('%s', async (_when, isAtOnce) => {
    const held = isAtOnce ? heldPut() : undefined;
    const claims = [
      await claimOf('dev-01', vectorKey, { csr: await request() }),
      await claimOf('dev-01', vectorKey, { csr: await request() }),
    ] as const;
    const first = await begun(claims[0]);
    if (!isAtOnce) expect(leafOf(await ended(claims[0], first))).toBe(thumbprintAtHub());
    const second = await begun(claims[1]);
    held?.letGo();
    expect(leafOf(await ended(claims[1], second))).toBe(thumbprintAtHub());
    expect(leafOf(await ended(claims[0], first))).toBe(thumbprintAtHub());
  });
});

describe('a device whose hub is away while a person changes its enrollment', () => {
  const away = failed(dpsFault('peer-offline', { peer: 'the hub', reason: 'away' }));
  /** Begins while the hub is away, changes, and lets the hub be back. */
  async function changedMeanwhile(claim: DeviceClaim, change: () => Promise<unknown>) {
    const { registry } = bench.hubs;
    const putDevice = registry.putDevice.bind(registry);
    let tries = 0;
    registry.putDevice = async () => ((tries += 1), away);
    const id = await begun(claim);
    while (tries === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
    await change();
    registry.putDevice = putDevice;
    for (let turn = 0; turn < 1_000; turn += 1) {
      await bench.clock.advance(500);
      const found = must(await bench.store.operation(id));
      if (found?.outcome !== undefined) return found.outcome;
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    throw new Error('the worker did not finish');
  }
  const gone = { status: 'failed', errorCode: 401_002 };

  it('is not written by a key that was replaced', async () => {
    await bench.put('individual', 'dev-01', byKey(vectorKey));
    const change = () => bench.put('individual', 'dev-01', byKey(otherKey));
    expect(await changedMeanwhile(await claimOf('dev-01'), change)).toMatchObject(gone);
    expect(bench.hubs.devices.size).toBe(0);
  });

  it('is not written for a group that was made anew with another key, nor once it has an enrollment of its own', async () => {
    const key = keyOfDevice(vectorKey, 'dev-01');
    await bench.put('group', 'line-8', byKey(vectorKey));
    const anew = async () => {
      must(await bench.enrollments.remove('group', 'line-8', { is: 'none' }));
      await bench.put('group', 'line-8', byKey(otherKey));
    };
    expect(await changedMeanwhile(await claimOf('dev-01', key), anew)).toMatchObject(gone);
    await bench.put('group', 'line-8', byKey(vectorKey));
    const own = () => bench.put('individual', 'dev-01', byKey(otherKey));
    expect(await changedMeanwhile(await claimOf('dev-01', key), own)).toMatchObject(gone);
    expect(bench.hubs.devices.size).toBe(0);
  });

  it('is not written below a certificate that was replaced', async () => {
    const nowMs = bench.clock.nowMs();
    const [line, next] = [await makeAuthority('Line 7', { nowMs }), await makeAuthority('Line 7', { nowMs })];
    const leaf = await makeLeaf('dev-01', line, { nowMs });
    await bench.put('group', 'line-7', groupOf('line-7', line.certificate));
    const change = () => bench.put('group', 'line-7', groupOf('line-7', next.certificate));
    const claim = bench.claim('dev-01', { certificates: [leaf.certificate] });
    expect(await changedMeanwhile(claim, change)).toMatchObject(gone);
    expect(bench.hubs.devices.size).toBe(0);
  });

  it('is written when what was changed is not its proof', async () => {
    await bench.put('individual', 'dev-01', byKey(vectorKey));
    const change = () =>
      bench.put('individual', 'dev-01', { ...byKey(vectorKey), initialTwin: { tags: { site: 'b3' } } });
    expect(await changedMeanwhile(await claimOf('dev-01'), change)).toMatchObject({ status: 'assigned' });
    expect(bench.hubs.devices.size).toBe(1);
  });
});

describe('a registration that fails after its device was put', () => {
  const refused: Result<never> = failed(dpsFault('call-refused', { peer: 'the hub' }));
  const enroll = (id: string, more = {}) =>
    bench.put('individual', id, {
      ...byKey(vectorKey),
      allocationPolicy: 'static',
      iotHubs: ['hub-a'],
      initialTwin: { tags: { site: 'b2' } },
      ...more,
    });
  const register = async (id: string) => bench.registered(await claimOf(id));

  it('takes it out of the hub again, and its place is free', async () => {
    await enroll('dev-01');
    bench.hubs.registry.writeTwin = async () => refused;
    expect(await register('dev-01')).toMatchObject({ status: 'failed', errorCode: 400_210 });
    expect(bench.hubs.devices.size).toBe(0);
    await enroll('dev-02', { deviceId: 'dev-01', initialTwin: undefined });
    expect(await register('dev-02')).toMatchObject({ status: 'assigned', deviceId: 'dev-01' });
  });

  it('keeps its place where the hub does not let go of it, until it is assigned', async () => {
    await enroll('dev-01');
    await enroll('dev-02', { deviceId: 'dev-01', initialTwin: undefined });
    const writeTwin = bench.hubs.registry.writeTwin.bind(bench.hubs.registry);
    bench.hubs.registry.writeTwin = async () => refused;
    bench.hubs.registry.removeDevice = async () => refused;
    expect(await register('dev-01')).toMatchObject({ status: 'failed', errorCode: 400_210 });
    expect(await register('dev-02')).toMatchObject({ status: 'failed', errorCode: 409_201 });
    expect(bench.lines).toContainEqual(expect.objectContaining({ event: 'device-left-in-hub', deviceId: 'dev-01' }));
    bench.hubs.registry.writeTwin = writeTwin;
    expect(await register('dev-01')).toMatchObject({ status: 'assigned' });
  });

  it('leaves a device that moves where it lived, and nothing where it was to go', async () => {
    await enroll('dev-01');
    expect(await register('dev-01')).toMatchObject({ status: 'assigned' });
    await enroll('dev-01', { iotHubs: ['hub-b'], reprovisionPolicy: { migrateDeviceData: false } });
    bench.hubs.registry.writeTwin = async () => refused;
    expect(await register('dev-01')).toMatchObject({ status: 'failed' });
    expect([...bench.hubs.devices.keys()]).toEqual(['hub-a/dev-01']);
  });

  it('takes it out when its registration was removed while the hub was written', async () => {
    await enroll('dev-01');
    const held = heldPut();
    const claim = await claimOf('dev-01');
    const id = await begun(claim);
    await held.came;
    must(await bench.desk.remove('dev-01', { is: 'none' }));
    held.letGo();
    expect(await ended(claim, id)).toMatchObject({ status: 'failed', errorCode: 404_201 });
    expect(bench.hubs.devices.size).toBe(0);
  });
});

it.each([
  ['tags of more than 8 kB', { tags: Object.fromEntries(['a', 'b', 'c'].map((name) => [name, 'q'.repeat(3_000)])) }],
  ['a string of more than 4 kB', { properties: { desired: { a: 'q'.repeat(4_097) } } }],
  ['a dot in a name', { tags: { 'a.b': 1 } }],
  ['more than ten levels', { tags: JSON.parse('{"a":'.repeat(12) + '1' + '}'.repeat(12)) as object }],
])('an enrollment whose initial twin no hub takes is refused: %s', async (_what, initialTwin) => {
  const body = { ...byKey(vectorKey), initialTwin };
  const answer = await bench.enrollments.put('individual', { id: 'dev-01', body, condition: { is: 'none' } });
  expect(answer).toMatchObject({ fault: { code: 'invalid' } });
});
