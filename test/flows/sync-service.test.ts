/** The outbox against the real service program and the real hubs: through kills, to units that are seen. */
import { createHash } from 'node:crypto';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { parseConnectionString } from '../../src-main/lib/dps/connection-string.ts';
import type { PassRecord } from '../../src-main/station/bench/ports.ts';
import type { RegistrationId } from '../../src-main/station/batches/model.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { x509Pass } from '../exams/store-units.ts';
import { openServiceBed, until, type ServiceBed } from './service-bed.ts';
import { type Leaf, makeAuthority, makeLeaf, openTpmDevice, pemOf } from './service-devices.ts';
import { openSyncBed, type SyncBed } from './sync-bed.ts';

let service: ServiceBed;
let bed: SyncBed;
let authority: Credential;

beforeEach(async () => {
  service = await openServiceBed();
  bed = await openSyncBed();
  authority = await makeAuthority('Sync test CA');
});

afterEach(async () => {
  await bed.close();
  await service.close();
});

const signerOf = (credential: Credential) => ({
  signerId: 'test',
  commonName: 'Sync test CA',
  sha256: createHash('sha256').update(credential.certificate).digest('hex'),
  certificatePem: pemOf(credential.certificate),
});

const withLeaf = (leaf: Leaf) => (name: string, endedMs: number) => ({
  ...x509Pass(name, endedMs),
  certificateChain: leaf.tls.certificatePem,
});

async function drained() {
  const look = async () => {
    const { pending, sending, sent, parked } = must(await bed.store.outboxCounts());
    return pending + sending === 0 ? { sent, parked } : undefined;
  };
  return until(look, 'the outbox drained', 60_000);
}

it('enrolls a family once, and follows its member to its hub', async () => {
  const batch = await bed.batch({ attestation: 'x509', enrollmentKind: 'group' }, signerOf(authority));
  const leaf = await makeLeaf('sn1', authority);
  await bed.pass(batch, 'SN1', withLeaf(leaf));
  bed.sync(service);
  expect(await drained()).toEqual({ sent: 1, parked: 0 });
  const groups = must(await service.client.groups.query()).items;
  expect(groups.map((group) => group.enrollmentGroupId)).toEqual([batch.enrollmentGroupId]);
  const hubs = service.hubs.map((hub) => must(parseConnectionString(hub.connectionString)));
  bed.watch(service, hubs);
  const stateIs = (state: string) =>
    until(async () => ((await bed.units())[0]?.state === state ? true : undefined), state, 30_000);
  await stateIs('enrolled');
  const assigned = must(await service.devices.register(leaf.identity));
  await stateIs('registered');
  expect((await bed.units())[0]).toMatchObject({ hub: assigned.assignedHub, deviceId: 'sn1' });
  const { certificatePem: cert, privateKeyPem: key } = leaf.tls;
  const hub = assigned.assignedHub;
  const device = await connectAsync(`mqtts://${hub}:8883`, {
    ...{ clientId: 'sn1', username: `${hub}/sn1/?api-version=2021-04-12`, ca: service.caPem, cert, key },
    reconnectPeriod: 0,
  });
  await stateIs('seen');
  await device.endAsync();
});

it('enrolls a unit with a TPM by its own keys, once, also when it was enrolled before the reply was lost', async () => {
  const tpm = await openTpmDevice();
  const { registrationId, endorsementKey, storageRootKey } = tpm;
  const batch = await bed.batch({ attestation: 'tpm' });
  await bed.pass(batch, 'SN1', (name, endedMs): PassRecord => ({
    ...{
      attestation: 'tpm',
      registrationId: registrationId as RegistrationId,
      endedMs,
      endorsementKey,
      storageRootKey,
    },
    ...{ fingerprint: 'ek', facts: { model: 'M', firmware: name, attestations: ['tpm'] }, phaseMs: {} },
  }));
  must(await service.client.enrollments.put(tpm.enrollment({ deviceId: 'dev-SN1' })));
  bed.sync(service);
  expect(await drained()).toEqual({ sent: 1, parked: 0 });
  expect(must(await service.devices.register(tpm.identity)).deviceId).toBe('dev-SN1');
  await tpm.close();
});

it('loses nothing and makes nothing twice while the service is killed again and again', async () => {
  const batch = await bed.batch({ attestation: 'x509', enrollmentKind: 'individual' }, signerOf(authority));
  const names = Array.from({ length: 30 }, (_, at) => `SN${at + 1}`);
  const leaf = await makeLeaf('any', authority);
  const sync = bed.sync(service);
  const states = new Set<string>();
  sync.onChange((view) => states.add(view.state));
  for (const [at, name] of names.entries()) {
    await bed.pass(batch, name, withLeaf(leaf));
    if (at % 10 !== 5) continue;
    await service.killService('SIGKILL');
    if (at === 15) await until(async () => (sync.view().state === 'offline' ? true : undefined), 'offline');
    await service.restartService();
  }
  expect(await drained()).toEqual({ sent: 30, parked: 0 });
  const enrolled = must(await service.client.enrollments.query({ maxItems: 100 })).items;
  expect(enrolled.map((item) => item.registrationId).toSorted()).toEqual(
    names.map((name) => name.toLowerCase()).toSorted(),
  );
  expect(enrolled.find((item) => item.registrationId === 'sn7')?.deviceId).toBe('dev-SN7');
  expect(states.has('offline')).toBe(true);
});
