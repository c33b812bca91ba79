/** The exam of the service's store, and of the worker that finishes what is in it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { jsonLog, silentLog } from '../../src-main/lib/base/log.ts';
import { failed, must, ok, type Result } from '../../src-main/lib/base/result.ts';
import { dpsFault } from '../../src-main/lib/dps/faults.ts';
import { openDatabase } from '../../src-main/lib/sqlite/database.ts';
import { attestationId } from '../../src-main/service/core/attestation-form.ts';
import type { HubDevice, HubRegistry, OldOperations, Store } from '../../src-main/service/core/ports.ts';
import type { Enrollment, LinkedHub, NewOperation, Plan } from '../../src-main/service/core/records.ts';
import { createRegistrationWorker, type RegistrationWorker } from '../../src-main/service/core/registration-worker.ts';
import { openSqliteStore } from '../../src-main/service/store/sql-store.ts';

let folder = '';
let store: Store;
const open = (): Store => must(openSqliteStore(must(openDatabase({ file: join(folder, 'service.sqlite') }))));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'benchline-store-'));
  store = open();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const entry = (id: string, more: Partial<Enrollment> = {}): Enrollment => ({
  kind: 'individual',
  key: id.toLowerCase(),
  id,
  attestation: { type: 'tpm', endorsementKey: 'AAA=', storageRootKey: undefined },
  enabled: true,
  deviceId: undefined,
  allocationPolicy: undefined,
  iotHubs: [],
  iotHubHostName: undefined,
  initialTwin: { tags: { a: null } },
  iotEdge: false,
  reprovision: { updateHubAssignment: true, migrateDeviceData: true },
  extras: {},
  etag: 'e1',
  createdMs: 1,
  updatedMs: 1,
  ...more,
});

const assign = (hub: string, deviceId: string, key = 'k'): Plan => ({
  is: 'assign',
  hub,
  deviceId,
  authentication: { type: 'sas', primaryKey: key, secondaryKey: 's' },
  iotEdge: false,
  substatus: 'initialAssignment',
  twin: { tags: { site: 'b2' } },
  movesFrom: undefined,
});

/** Of the enrollments here. */
const attested = attestationId({ type: 'tpm', endorsementKey: 'AAA=', storageRootKey: undefined });
const operation = (id: string, registrationId: string, more: Partial<NewOperation> = {}): NewOperation => ({
  id,
  registrationId,
  registrationKey: registrationId.toLowerCase(),
  proof: { kind: 'tpm', attested, key: 'AAA=' },
  plan: assign('hub-a', registrationId),
  payload: undefined,
  issuedChain: undefined,
  hubKeyBlob: `blob-${id}`,
  groupId: undefined,
  etag: `etag-${id}`,
  createdMs: systemClock.nowMs(),
  ...more,
});

const hubA: LinkedHub = { hostName: 'hub-a', connectionString: 'c', allocationWeight: 1, applyAllocationPolicy: true };
const assignedTo = (deviceId: string) =>
  ({ status: 'assigned', assignedHub: 'hub-a', deviceId, substatus: 'initialAssignment' }) as const;

describe('enrollments', () => {
  const put = (enrollment: Enrollment, condition: 'none' | 'absent' | 'present' = 'none') =>
    ({ change: 'put', enrollment, if: { is: condition } }) as const;

  it('come back as they were put, after a restart, with certificates as bytes', async () => {
    const der = Uint8Array.of(48, 0);
    const attestation = { type: 'x509', primary: { der, thumbprint: 'aa' }, secondary: undefined } as const;
    const given = entry('Unit-1', { attestation });
    must(await store.changeEnrollments([put(given)]));
    await store.close();
    store = open();
    const held = must(await store.enrollment('individual', 'unit-1'));
    expect(held).toEqual(given);
    expect(held?.attestation).toMatchObject({ primary: { der } });
  });

  it('change each by itself in one call', async () => {
    must(await store.changeEnrollments([put(entry('a'))]));
    const outcomes = must(
      await store.changeEnrollments([
        put(entry('a'), 'absent'),
        put(entry('b'), 'absent'),
        put(entry('c'), 'present'),
        { change: 'put', enrollment: entry('a', { etag: 'e2' }), if: { is: 'etag', etag: 'e1' } },
        { change: 'put', enrollment: entry('a'), if: { is: 'etag', etag: 'e1' } },
        { change: 'delete', kind: 'individual', key: 'nobody', if: { is: 'none' } },
      ]),
    );
    const codes = outcomes.map((outcome) => (outcome.ok ? 'done' : outcome.fault.code));
    expect(codes).toEqual(['exists', 'done', 'not-found', 'done', 'etag-mismatch', 'not-found']);
  });

  it('page in order without a gap', async () => {
    must(await store.changeEnrollments(['b', 'a', 'c'].map((id) => put(entry(id)))));
    const first = must(await store.enrollments('individual', { after: undefined, limit: 2 }));
    expect(first.items.map((item) => item.id)).toEqual(['a', 'b']);
    const rest = must(await store.enrollments('individual', { after: first.after, limit: 2 }));
    expect(rest).toMatchObject({ items: [{ id: 'c' }], after: undefined });
  });
});

describe('operations', () => {
  it('finish once, and take older ones of the device with them', async () => {
    must(await store.startOperations([operation('1', 'Dev'), operation('2', 'dev')]));
    const pending = must(await store.pendingOperations(systemClock.nowMs() + 1, 10));
    expect(pending.map((one) => one.id)).toEqual(['2']);
    const finish = (id: string, deviceId: string) =>
      store.finishOperations([{ id, outcome: assignedTo(deviceId), etag: 'x', nowMs: 5 }]);
    must(await finish('2', 'dev'));
    must(await finish('2', 'other'));
    must(await finish('1', 'other'));
    expect(must(await store.operation('1'))).toMatchObject({ state: 'done', hubKeyBlob: 'blob-2', plan: undefined });
    expect(must(await store.registration('dev'))).toMatchObject({ id: 'Dev', status: 'assigned', deviceId: 'dev' });
    expect(must(await store.registrationOfDevice('hub-a', 'dev'))).toBe('dev');
    const old = { beforeMs: 6, keepNewest: 100, surplusBeforeMs: 0 };
    expect(must(await store.purgeOperations(old, 10))).toBe(2);
  });

  it('that are done go when they are old, or too many and not young; what is under way stays', async () => {
    const ids = Array.from({ length: 10 }, (_, at) => String(at));
    must(await store.startOperations(ids.map((id) => operation(id, `dev-${id}`))));
    for (const id of ids.slice(1)) {
      must(await store.finishOperations([{ id, outcome: assignedTo(`dev-${id}`), etag: 'x', nowMs: Number(id) }]));
    }
    const left = async () => {
      const found = await Promise.all(ids.map(async (id) => must(await store.operation(id))?.id));
      return found.filter((id) => id !== undefined).join('');
    };
    const purge = (old: OldOperations, limit = 100) => store.purgeOperations(old, limit);
    expect(must(await purge({ beforeMs: 3, keepNewest: 100, surplusBeforeMs: 0 }))).toBe(2);
    expect(await left()).toBe('03456789');
    expect(must(await purge({ beforeMs: 0, keepNewest: 4, surplusBeforeMs: 5 }))).toBe(2);
    expect(await left()).toBe('056789');
    expect(must(await purge({ beforeMs: 0, keepNewest: 4, surplusBeforeMs: 99 }))).toBe(1);
    expect(await left()).toBe('06789');
    expect(must(await purge({ beforeMs: 99, keepNewest: 0, surplusBeforeMs: 99 }, 3))).toBe(3);
    expect(must(await purge({ beforeMs: 99, keepNewest: 0, surplusBeforeMs: 99 }))).toBe(1);
    expect(await left()).toBe('0');
  });

  it('of a device that lived somewhere show it there until the new place is written', async () => {
    must(await store.startOperations([operation('1', 'dev')]));
    must(await store.finishOperations([{ id: '1', outcome: assignedTo('dev'), etag: 'x', nowMs: 5 }]));
    must(await store.startOperations([operation('2', 'dev')]));
    expect(must(await store.registration('dev'))).toMatchObject({ status: 'assigning', assignedHub: 'hub-a' });
    const outcome = { status: 'failed', errorCode: 1, errorMessage: 'no' } as const;
    must(await store.finishOperations([{ id: '2', outcome, etag: 'y', nowMs: 6 }]));
    expect(must(await store.registration('dev'))).toMatchObject({
      status: 'failed',
      assignedHub: 'hub-a',
      errorCode: 1,
    });
    expect(must(await store.operation('2'))?.hubKeyBlob).toBeUndefined();
  });

  it('that were postponed wait their time', async () => {
    must(await store.startOperations([operation('1', 'dev', { createdMs: 10 })]));
    must(await store.postponeOperation('1', { dueMs: 500, isWritten: true }));
    expect(must(await store.pendingOperations(499, 10))).toEqual([]);
    expect(must(await store.pendingOperations(500, 10))).toMatchObject([{ id: '1', attempts: 1, isWritten: true }]);
  });
});

it('keeps the identity it was given first', async () => {
  const first = { idScope: '0ne1', policies: [] };
  expect(must(await store.loadOrCreateIdentity(first))).toEqual(first);
  expect(must(await store.loadOrCreateIdentity({ idScope: '0ne2', policies: [] }))).toEqual(first);
});

describe('the worker', () => {
  let worker: RegistrationWorker | undefined;
  const enroll = async (...enrollments: readonly Enrollment[]): Promise<void> => {
    const changes = enrollments.map((enrollment) => ({ change: 'put', enrollment, if: { is: 'none' } }) as const);
    must(await store.changeEnrollments(changes));
  };
  beforeEach(async () => {
    const many = Array.from({ length: 20 }, (_, at) => `a${at}`);
    await enroll(...['dev', 'one', 'two', 'a', 'b', 'c', ...many].map((id) => entry(id)));
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
  });

  /** A hub in memory that does what the script says first. */
  const hubOf = (script: readonly Result<void>[] = []) => {
    const devices = new Map<string, HubDevice>();
    const twins: string[] = [];
    const steps = [...script];
    const calls: string[] = [];
    const step = (): Result<void> => steps.shift() ?? ok();
    const registry: HubRegistry = {
      check: () => Promise.resolve(ok()),
      async putDevice(hub, device) {
        calls.push(`${hub.hostName}/${device.deviceId}`);
        const allowed = step();
        if (allowed.ok) devices.set(device.deviceId, device);
        return allowed;
      },
      readTwin: () => Promise.resolve(ok(undefined)),
      async writeTwin(_hub, deviceId) {
        const allowed = step();
        if (allowed.ok) twins.push(deviceId);
        return allowed;
      },
      removeDevice: () => Promise.resolve(ok()),
      listDevices: () => Promise.resolve(ok([])),
      close: () => undefined,
    };
    return { registry, devices, twins, calls };
  };
  const startWorker = (hubs: HubRegistry): void => {
    worker = createRegistrationWorker({ store, hubs, clock: systemClock, random: systemRandom, log: silentLog });
  };
  const finished = async (id: string) => {
    for (let look = 0; look < 500; look += 1) {
      const found = must(await store.operation(id));
      if (found?.state === 'done') return found.outcome;
      await new Promise<void>((resolve) => void systemClock.after(20, resolve));
    }
    throw new Error(`operation ${id} was not finished`);
  };
  const offline = failed(dpsFault('peer-offline', { peer: 'the hub', reason: 'away' }));

  it('finds what a crash left, and does it once more from the start', async () => {
    must(await store.putLinkedHub(hubA));
    must(await store.startOperations([operation('1', 'dev')]));
    const hub = hubOf();
    startWorker(hub.registry);
    expect(await finished('1')).toEqual(assignedTo('dev'));
    expect([hub.calls, hub.twins]).toEqual([['hub-a/dev'], ['dev']]);
  });

  it('gives a device that two registrations planned at once to one, and writes it for that one alone', async () => {
    must(await store.putLinkedHub(hubA));
    const plan = assign('hub-a', 'shared');
    must(await store.startOperations([operation('1', 'one', { plan }), operation('2', 'two', { plan })]));
    const hub = hubOf();
    startWorker(hub.registry);
    expect(await finished('1')).toEqual(assignedTo('shared'));
    expect(await finished('2')).toMatchObject({ status: 'failed', errorCode: 409_201 });
    expect(hub.calls).toEqual(['hub-a/shared']);
  });

  it('logs what became of a registration: its id, its hub, and after a failure the number', async () => {
    must(await store.putLinkedHub(hubA));
    const plan = assign('hub-a', 'shared');
    must(await store.startOperations([operation('1', 'one', { plan }), operation('2', 'two', { plan })]));
    const lines: unknown[] = [];
    const log = jsonLog(
      (line) => void lines.push(JSON.parse(line)),
      () => 'now',
    );
    const parts = { clock: systemClock, random: systemRandom, log };
    worker = createRegistrationWorker({ store, hubs: hubOf().registry, ...parts });
    await finished('1');
    await finished('2');
    // what is under way ends first, its lines too
    await worker.stop();
    expect(lines).toHaveLength(2);
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'registration-finished',
        registrationId: 'one',
        status: 'assigned',
        hub: 'hub-a',
      }),
    );
    const failure = { registrationId: 'two', status: 'failed', errorCode: 409_201 };
    expect(lines).toContainEqual(expect.objectContaining({ event: 'registration-finished', ...failure }));
  });

  it('holds back what the store could not keep, whether it says so or throws, and keeps it in the end', async () => {
    must(await store.putLinkedHub(hubA));
    must(await store.startOperations([operation('1', 'dev')]));
    const hub = hubOf();
    let tries = 0;
    const ailing: Store = {
      ...store,
      finishOperations: async (all) => {
        tries += 1;
        if (tries === 1) throw new Error('disk full');
        return store.finishOperations(all);
      },
    };
    const parts = { clock: systemClock, random: systemRandom, log: silentLog };
    worker = createRegistrationWorker({ store: ailing, hubs: hub.registry, ...parts });
    expect(await finished('1')).toEqual(assignedTo('dev'));
    expect(tries).toBe(2);
  });

  it('tries again after a hub was away, at any of its steps', async () => {
    must(await store.putLinkedHub(hubA));
    must(await store.startOperations([operation('1', 'dev')]));
    const hub = hubOf([offline, ok(), offline]);
    startWorker(hub.registry);
    expect(await finished('1')).toEqual(assignedTo('dev'));
    expect(hub.calls).toHaveLength(3);
  });

  it('ends with the key of the newest call of a device', async () => {
    must(await store.putLinkedHub(hubA));
    const plans = ['old', 'new'].map((key) => assign('hub-a', 'dev', key));
    must(await store.startOperations(plans.map((plan, at) => operation(String(at), 'dev', { plan }))));
    const hub = hubOf();
    startWorker(hub.registry);
    await finished('0');
    expect(hub.devices.get('dev')?.authentication).toMatchObject({ primaryKey: 'new' });
  });

  it.each([
    ['call-unauthorized', 400_209],
    ['call-refused', 400_210],
  ] as const)('tells the device when the hub says %s', async (code, errorCode) => {
    must(await store.putLinkedHub(hubA));
    must(await store.startOperations([operation('1', 'dev')]));
    startWorker(hubOf([failed(dpsFault(code, { peer: 'the hub' }))]).registry);
    expect(await finished('1')).toMatchObject({ status: 'failed', errorCode });
  });

  it('tells the device when no hub was found, when its hub is no longer linked, and when it waited too long', async () => {
    must(await store.putLinkedHub(hubA));
    const refuse = { is: 'refuse', errorCode: 400_208, errorMessage: 'none' } as const;
    const longAgo = systemClock.nowMs() - 5 * 60_000;
    must(
      await store.startOperations([
        operation('1', 'a', { plan: refuse }),
        operation('2', 'b', { plan: assign('gone', 'b') }),
        operation('3', 'c', { createdMs: longAgo }),
      ]),
    );
    startWorker(hubOf([offline]).registry);
    const codes = await Promise.all(['1', '2', '3'].map(finished));
    expect(codes).toMatchObject([{ errorCode: 400_208 }, { errorCode: 400_208 }, { errorCode: 503_201 }]);
  });

  it('writes no device whose enrollment was disabled or removed since it began', async () => {
    must(await store.putLinkedHub(hubA));
    await enroll(entry('a', { enabled: false }));
    must(await store.startOperations([operation('1', 'a'), operation('2', 'nobody')]));
    const inGroup = operation('3', 'member', { groupId: 'Line-7' });
    must(await store.startOperations([inGroup, operation('4', 'b')]));
    const hub = hubOf();
    startWorker(hub.registry);
    const outcomes = await Promise.all(['1', '2', '3', '4'].map(finished));
    const gone = { status: 'failed', errorCode: 401_002 };
    expect(outcomes).toMatchObject([gone, gone, gone, { status: 'assigned' }]);
    expect(hub.calls).toHaveLength(1);
  });

  it('writes no device whose registration was removed since it began', async () => {
    must(await store.putLinkedHub(hubA));
    must(await store.startOperations([operation('1', 'a'), operation('2', 'b')]));
    must(await store.deleteRegistration('a', { is: 'none' }));
    const hub = hubOf();
    startWorker(hub.registry);
    const outcomes = await Promise.all(['1', '2'].map(finished));
    expect(outcomes).toMatchObject([{ status: 'failed', errorCode: 404_201 }, { status: 'assigned' }]);
    expect(hub.calls).toHaveLength(1);
  });

  it('a hub that hangs does not hold up the others', async () => {
    must(await store.putLinkedHub(hubA));
    must(await store.putLinkedHub({ ...hubA, hostName: 'hub-b' }));
    const many = Array.from({ length: 20 }, (_, at) => operation(`a${at}`, `a${at}`));
    must(await store.startOperations([...many, operation('b', 'b', { plan: assign('hub-b', 'b') })]));
    const hub = hubOf();
    let release: (result: Result<void>) => void = () => undefined;
    const held = new Promise<Result<void>>((resolve) => (release = resolve));
    startWorker({
      ...hub.registry,
      putDevice: (where, device) => (where.hostName === 'hub-a' ? held : hub.registry.putDevice(where, device)),
    });
    expect(await finished('b')).toMatchObject({ status: 'assigned', assignedHub: 'hub-b' });
    expect(must(await store.operation('a0'))?.state).toBe('assigning');
    release(ok());
  });
});
