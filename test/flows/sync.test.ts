import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isoTime, systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { OutboxEntryView } from '../../src-main/contract/views.ts';
import { tpmPass, x509Pass } from '../exams/store-units.ts';
import { until } from './service-bed.ts';
import { openSyncBed, type SyncBed } from './sync-bed.ts';
import { startSyncServer, type SyncServer, type Trouble } from './sync-server.ts';

let bed: SyncBed;
let server: SyncServer;

beforeEach(async () => {
  bed = await openSyncBed();
  server = await startSyncServer(join(bed.folder, 'tls'));
});

afterEach(async () => {
  await bed.close();
  await server.close();
});

const names = (count: number, first = 1) => Array.from({ length: count }, (_, at) => `SN${first + at}`);
const keyOf = (name: string) => `reg-${name.toLowerCase()}`;

async function passTpm(count: number, first = 1): Promise<readonly string[]> {
  const [known] = must(await bed.store.listBatches());
  const batch = known === undefined ? await bed.batch() : must(await bed.store.openedBatch(known.batchId));
  for (const name of names(count, first)) await bed.pass(batch, name, tpmPass);
  return names(count, first).map(keyOf);
}

async function outbox(): Promise<readonly OutboxEntryView[]> {
  return must(await bed.store.listOutbox({ limit: 200 })).items;
}

/** Everything is sent or parked. */
function drained() {
  const look = async () => {
    const { pending, sending, sent, parked } = must(await bed.store.outboxCounts());
    return pending + sending === 0 ? { sent, parked } : undefined;
  };
  return until(look, 'the outbox drained', 30_000);
}

/** The same trouble for the first calls that match, then none. */
function first(count: number, trouble: Trouble, isMeant: (path: string) => boolean = () => true) {
  let left = count;
  server.trouble = ({ path }) => {
    if (left === 0 || !isMeant(path)) return undefined;
    left -= 1;
    return trouble;
  };
}

const isBulk = (path: string) => path === '/enrollments';

function expectEachCreatedOnce(keys: readonly string[]): void {
  expect([...server.enrollments.keys()].toSorted()).toEqual([...keys].toSorted());
  expect(new Set(server.created.values())).toEqual(new Set([1]));
}

describe('a service that is well', () => {
  it('gets individual enrollments ten at a time, in order of age, and the units are enrolled', async () => {
    const keys = await passTpm(23);
    const sync = bed.sync(server);
    expect(await drained()).toEqual({ sent: 23, parked: 0 });
    expect(server.bulks().map((bulk) => bulk.keys.length)).toEqual([10, 10, 3]);
    expect(server.bulks().flatMap((bulk) => bulk.keys)).toEqual(keys);
    expectEachCreatedOnce(keys);
    expect(server.enrollments.get('reg-sn1')).toMatchObject({ deviceId: 'dev-SN1', provisioningStatus: 'enabled' });
    expect(new Set((await bed.units()).map((unit) => unit.state))).toEqual(new Set(['enrolled']));
    await until(async () => (sync.view().state === 'online' ? true : undefined), 'online again');
    expect(sync.view()).toMatchObject({ state: 'online', pending: 0, sent: 23, parked: 0 });
  });

  it('gets one group for a family, and its members are enrolled', async () => {
    const batch = await bed.batch({ enrollmentKind: 'group' });
    for (const name of names(5)) await bed.pass(batch, name, x509Pass);
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 1, parked: 0 });
    expect(server.groups.size).toBe(1);
    expect([...server.created.values()]).toEqual([1]);
    expect(new Set((await bed.units()).map((unit) => unit.state))).toEqual(new Set(['enrolled']));
  });

  it('is told at once of a unit that passes while all is quiet', async () => {
    const sync = bed.sync(server);
    await until(async () => (sync.view().state === 'online' ? true : undefined), 'online');
    await passTpm(1);
    await drained();
    expectEachCreatedOnce(['reg-sn1']);
  });

  it('gets what a station that died was sending', async () => {
    const keys = await passTpm(3);
    expect(must(await bed.store.outboxTake(10))).toHaveLength(3);
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 3, parked: 0 });
    expectEachCreatedOnce(keys);
  });
});

describe('what the service refuses', () => {
  it('is parked with its reason, and the rest of its bulk is sent', async () => {
    await passTpm(10);
    server.itemTrouble = (id) => (id === 'reg-sn4' ? 400_007 : undefined);
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 9, parked: 1 });
    const parked = (await outbox()).find((entry) => entry.state === 'parked');
    expect(parked).toMatchObject({
      key: 'reg-sn4',
      serialNumber: 'SN4',
      fault: { code: 'enrollment-refused', detail: { errorCode: 400_007, reason: 'refused as 400007' } },
    });
    server.itemTrouble = () => undefined;
    must(await bed.store.retryOutbox(parked?.entryId ?? 0, 'Sam'));
    expect(await drained()).toEqual({ sent: 10, parked: 0 });
  });

  it('is found when it makes the service refuse the whole bulk', async () => {
    await passTpm(6);
    server.trouble = ({ keys }) => (keys.includes('reg-sn2') ? { status: 400, message: 'bad EK' } : undefined);
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 5, parked: 1 });
    expect((await outbox()).find((entry) => entry.state === 'parked')).toMatchObject({
      key: 'reg-sn2',
      fault: { code: 'enrollment-refused', detail: { reason: 'bad EK' } },
    });
  });

  it('is sent when the service holds the same already, and parked when it holds another', async () => {
    await passTpm(3);
    const held = {
      registrationId: 'reg-sn1',
      deviceId: 'dev-SN1',
      etag: '"1"',
      attestation: { type: 'tpm', tpm: { endorsementKey: 'ATo=', storageRootKey: 'other' } },
    };
    server.enrollments.set('reg-sn1', held);
    server.enrollments.set('reg-sn2', { ...held, registrationId: 'reg-sn2', deviceId: 'another' });
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 2, parked: 1 });
    const parked = (await outbox()).find((entry) => entry.state === 'parked');
    expect(parked).toMatchObject({
      key: 'reg-sn2',
      fault: { code: 'enrollment-differs', detail: { member: 'deviceId' } },
    });
    expect(server.enrollments.get('reg-sn2')).toMatchObject({ deviceId: 'another' });
  });

  it('never replaces a group of another', async () => {
    const batch = await bed.batch({ enrollmentKind: 'group' });
    await bed.pass(batch, 'SN1', x509Pass);
    const id = batch.enrollmentGroupId ?? '';
    const attestation = {
      type: 'x509',
      x509: { signingCertificates: { primary: { info: { sha256Thumbprint: 'FF' } } } },
    };
    server.groups.set(id, { enrollmentGroupId: id, attestation });
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 0, parked: 1 });
    expect(server.groups.get(id)).toMatchObject({ attestation });
    expect((await bed.units())[0]?.state).toBe('passed');
  });
});

describe('a service in trouble', () => {
  it.each<[string, Trouble]>([
    ['answers 503', { status: 503 }],
    ['answers 500 with a page', { status: 500, message: 'oops' }],
    ['cuts the line before it works', 'cut-before'],
    ['loses the reply after it worked', 'cut-after'],
    ['does not accept the credential for a while', { status: 401 }],
    ['is not found at this address for a while', { status: 404 }],
  ])('that %s gets everything once, later', async (_, trouble) => {
    const keys = await passTpm(12);
    first(2, trouble, isBulk);
    const states = new Set<string>();
    const sync = bed.sync(server);
    sync.onChange((view) => states.add(view.state));
    expect(await drained()).toEqual({ sent: 12, parked: 0 });
    expectEachCreatedOnce(keys);
    expect([...states]).toEqual(expect.arrayContaining(['offline', 'draining']));
  });

  it('gets a group once when the reply to it was lost', async () => {
    const batch = await bed.batch({ enrollmentKind: 'group' });
    // The comparison reads real certificates.
    const pem = server.caPem;
    const real = await bed.batch({ enrollmentKind: 'group' }, { ...signerOf(pem) });
    expect(real.enrollmentGroupId).not.toBe(batch.enrollmentGroupId);
    await bed.pass(real, 'SN1', x509Pass);
    let puts = 0;
    server.trouble = ({ method }) => {
      if (method !== 'PUT') return undefined;
      puts += 1;
      return puts === 1 ? 'cut-after' : undefined;
    };
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 1, parked: 0 });
    expect([...server.created.values()]).toEqual([1]);
  });

  it('is left alone for as long as it asks', async () => {
    await passTpm(3);
    first(1, { status: 429, headers: { 'retry-after': '2' } }, isBulk);
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 3, parked: 0 });
    const [refused] = server.bulks();
    const next = server.seen[server.seen.findIndex((seen) => seen === refused) + 1];
    expect((next?.atMs ?? 0) - (refused?.atMs ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  it('is asked again for the one entry that it was too busy for', async () => {
    const keys = await passTpm(4);
    let refusals = 1;
    server.itemTrouble = (id) => {
      if (id !== 'reg-sn2' || refusals === 0) return undefined;
      refusals -= 1;
      return 429_001;
    };
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 4, parked: 0 });
    expectEachCreatedOnce(keys);
  });

  it('is told apart as offline with its reason, while units go on passing', async () => {
    const early = await passTpm(2);
    await server.goAway();
    const sync = bed.sync(server);
    await until(async () => (sync.view().state === 'offline' ? true : undefined), 'offline');
    expect(sync.view()).toMatchObject({ pending: 2, fault: { code: 'peer-offline' } });
    const late = await passTpm(2, 3);
    expect((await bed.units()).map((unit) => unit.state)).toEqual(['passed', 'passed', 'passed', 'passed']);
    await server.comeBack();
    expect(await drained()).toEqual({ sent: 4, parked: 0 });
    expectEachCreatedOnce([...early, ...late]);
  });

  it('whose clock is far from ours gets nothing until one of them is set', async () => {
    const keys = await passTpm(2);
    server.dateOffsetMs = -3_600_000;
    const sync = bed.sync(server);
    await until(async () => (sync.view().fault?.code === 'clock-off' ? true : undefined), 'held for the clock');
    expect(sync.view().state).toBe('offline');
    expect(server.bulks()).toEqual([]);
    server.dateOffsetMs = 60_000;
    expect(await drained()).toEqual({ sent: 2, parked: 0 });
    expectEachCreatedOnce(keys);
  });

  it('does not keep the station from stopping, and what was under way is sent at the next start', async () => {
    const keys = await passTpm(2);
    server.trouble = ({ path }) => (isBulk(path) ? 'hang' : undefined);
    const sync = bed.sync(server);
    await until(async () => (server.bulks().length > 0 ? true : undefined), 'a bulk under way');
    await sync.stop();
    expect(must(await bed.store.outboxCounts())).toMatchObject({ pending: 2, sending: 0 });
    server.trouble = () => undefined;
    bed.sync(server);
    expect(await drained()).toEqual({ sent: 2, parked: 0 });
    expectEachCreatedOnce(keys);
  });
});

describe('the watch over units', () => {
  it('sees each registered at its hub, then seen there', async () => {
    await passTpm(2);
    bed.sync(server);
    await drained();
    bed.watch(server, [server.connection]);
    const states = async () => (await bed.units()).map((unit) => unit.state);
    const lastUpdatedDateTimeUtc = isoTime(systemClock.nowMs());
    const registration = { status: 'assigned', assignedHub: '127.0.0.1', deviceId: 'dev-SN1', lastUpdatedDateTimeUtc };
    server.registrations.set('reg-sn1', registration);
    server.registrations.set('reg-sn2', { status: 'assigning' });
    await until(async () => ((await states()).includes('registered') ? true : undefined), 'registered');
    expect((await bed.units())[1]).toMatchObject({ hub: '127.0.0.1', deviceId: 'dev-SN1' });
    server.devices.set('dev-SN1', { connectionState: 'Disconnected', lastActivityTime: '0001-01-01T00:00:00Z' });
    const looks = server.seen.length;
    await until(async () => (server.seen.length > looks + 2 ? true : undefined), 'more looks');
    expect(await states()).toEqual(['enrolled', 'registered']);
    server.devices.set('dev-SN1', { connectionState: 'Connected', lastActivityTime: '0001-01-01T00:00:00Z' });
    await until(async () => ((await states()).includes('seen') ? true : undefined), 'seen');
    expect((await bed.units())[1]?.seenMs).toBeLessThanOrEqual(systemClock.nowMs());
  });
});

function signerOf(certificatePem: string) {
  return { signerId: 's', commonName: 'Real CA', sha256: 'cd'.repeat(32), certificatePem };
}
