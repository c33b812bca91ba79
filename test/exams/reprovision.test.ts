/** A device that registers again (dps-wire 8.3): where it goes, what it takes along, and what it is told. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { must } from '../../src-main/lib/base/result.ts';
import { openProofBench, vectorKey, type ProofBench } from './proof-bench.ts';

let bench: ProofBench;
beforeEach(async () => {
  bench = await openProofBench();
});
afterEach(() => bench.close());

const keys = { primaryKey: Buffer.from(vectorKey).toString('base64') };
const initialTwin = { tags: { site: 'b2' }, properties: { desired: { interval: 30 } } };
const lived = { tags: { site: 'b2', floor: 3 }, properties: { desired: { interval: 5 } } };

interface Entry {
  readonly hub: string;
  readonly updateHubAssignment?: boolean;
  readonly migrateDeviceData?: boolean;
  readonly deviceId?: string;
}

async function enroll(id: string, { hub, deviceId, ...reprovisionPolicy }: Entry): Promise<void> {
  await bench.put('individual', id, {
    attestation: { type: 'symmetricKey', symmetricKey: keys },
    allocationPolicy: 'static',
    iotHubs: [hub],
    initialTwin,
    reprovisionPolicy,
    ...(deviceId === undefined ? {} : { deviceId }),
  });
}
async function register(id = 'dev-01', payload?: unknown): Promise<Record<string, unknown>> {
  const authorization = await bench.token(id, vectorKey);
  return bench.registered(bench.claim(id, { authorization, body: { payload } }));
}
const { devices, twins } = { devices: () => [...bench.hubs.devices.keys()].sort(), twins: () => bench.hubs.twins };

describe('the first registration', () => {
  it('is an initial assignment with the initial twin', async () => {
    await enroll('dev-01', { hub: 'hub-a' });
    expect(await register()).toMatchObject({ assignedHub: 'hub-a', substatus: 'initialAssignment' });
    expect(devices()).toEqual(['hub-a/dev-01']);
    expect(twins().get('hub-a/dev-01')).toEqual(initialTwin);
  });
});

describe('a registration again', () => {
  beforeEach(async () => {
    await enroll('dev-01', { hub: 'hub-a' });
    await register();
    twins().set('hub-a/dev-01', lived);
  });

  it('on the same hub changes nothing of the twin, whatever the policy', async () => {
    for (const migrateDeviceData of [true, false]) {
      await enroll('dev-01', { hub: 'hub-a', migrateDeviceData });
      expect(await register()).toMatchObject({ assignedHub: 'hub-a', substatus: 'initialAssignment' });
      expect(twins().get('hub-a/dev-01')).toEqual(lived);
    }
  });

  it('migrates: it moves with its twin and is gone where it was', async () => {
    await enroll('dev-01', { hub: 'hub-b' });
    expect(await register()).toMatchObject({ assignedHub: 'hub-b', substatus: 'deviceDataMigrated' });
    expect(devices()).toEqual(['hub-b/dev-01']);
    expect(twins().get('hub-b/dev-01')).toEqual(lived);
    expect(await register()).toMatchObject({ assignedHub: 'hub-b', substatus: 'initialAssignment' });
  });

  it('resets: it moves, starts with the initial twin and is gone where it was', async () => {
    await enroll('dev-01', { hub: 'hub-b', migrateDeviceData: false });
    expect(await register()).toMatchObject({ assignedHub: 'hub-b', substatus: 'deviceDataReset' });
    expect(devices()).toEqual(['hub-b/dev-01']);
    expect(twins().get('hub-b/dev-01')).toEqual(initialTwin);
  });

  it('never moves when its policy says so, and keeps its twin', async () => {
    await enroll('dev-01', { hub: 'hub-b', updateHubAssignment: false, migrateDeviceData: false });
    expect(await register()).toMatchObject({ assignedHub: 'hub-a', substatus: 'initialAssignment' });
    expect(devices()).toEqual(['hub-a/dev-01']);
    expect(twins().get('hub-a/dev-01')).toEqual(lived);
  });

  it('under another device id on its hub moves with its twin', async () => {
    await enroll('dev-01', { hub: 'hub-a', deviceId: 'press-17' });
    expect(await register()).toMatchObject({ deviceId: 'press-17', substatus: 'deviceDataMigrated' });
    expect(devices()).toEqual(['hub-a/press-17']);
    expect(twins().get('hub-a/press-17')).toEqual(lived);
  });

  it('after its hub was unlinked starts anew on another one, and the unlinked hub keeps its device', async () => {
    for (const updateHubAssignment of [false, true]) {
      must(await bench.store.deleteLinkedHub('hub-a'));
      await enroll('dev-01', { hub: 'hub-b', updateHubAssignment });
      const state = await register();
      expect(state).toMatchObject({ assignedHub: 'hub-b' });
      expect(state['substatus']).toBe(updateHubAssignment ? 'initialAssignment' : 'deviceDataReset');
    }
    expect(devices()).toEqual(['hub-a/dev-01', 'hub-b/dev-01']);
    expect(twins().get('hub-b/dev-01')).toEqual(initialTwin);
  });

  it('without a hub to go to fails with 400208 and leaves it where it is', async () => {
    await enroll('dev-01', { hub: 'hub-c' });
    expect(await register()).toMatchObject({ status: 'failed', errorCode: 400_208 });
    expect(devices()).toEqual(['hub-a/dev-01']);
    await enroll('dev-01', { hub: 'hub-b' });
    expect(await register()).toMatchObject({ assignedHub: 'hub-b', substatus: 'deviceDataMigrated' });
  });
});

describe('one device id', () => {
  it('may be that of two devices on two hubs, and of one on each', async () => {
    await enroll('dev-01', { hub: 'hub-a', deviceId: 'press-17' });
    await enroll('dev-02', { hub: 'hub-b', deviceId: 'press-17' });
    await enroll('dev-03', { hub: 'hub-b', deviceId: 'press-17' });
    expect(await register('dev-01')).toMatchObject({ assignedHub: 'hub-a', deviceId: 'press-17' });
    expect(await register('dev-02')).toMatchObject({ assignedHub: 'hub-b', deviceId: 'press-17' });
    expect(await register('dev-03')).toMatchObject({ status: 'failed', errorCode: 409_201 });
    await enroll('dev-02', { hub: 'hub-a', deviceId: 'press-17' });
    expect(await register('dev-02')).toMatchObject({ status: 'failed', errorCode: 409_201 });
    expect(devices()).toEqual(['hub-a/press-17', 'hub-b/press-17']);
  });
});

describe('[rule 18] what a device sends along', () => {
  it.each([[{ zone: 'b' }], ['a text'], [null], [[1, 2]]])('%j is kept with its operation', async (payload) => {
    await enroll('dev-01', { hub: 'hub-a' });
    const authorization = await bench.token('dev-01', vectorKey);
    const started = must(await bench.desk.register(bench.claim('dev-01', { authorization, body: { payload } })));
    if (started.is !== 'started') throw new Error('no operation');
    const operation = must(await bench.store.operation(String(started.operation.json['operationId'])));
    expect(operation?.payload).toEqual(payload);
  });

  it('is refused beyond 96 kB, and nothing starts', async () => {
    await enroll('dev-01', { hub: 'hub-a' });
    const authorization = await bench.token('dev-01', vectorKey);
    const body = (bytes: number) => ({ payload: { text: 'x'.repeat(bytes - '{"text":""}'.length) } });
    const most = await bench.desk.register(bench.claim('dev-01', { authorization, body: body(98_304) }));
    expect(most.ok).toBe(true);
    const more = await bench.desk.register(bench.claim('dev-01', { authorization, body: body(98_305) }));
    expect(more).toMatchObject({ fault: { code: 'invalid' } });
  });
});
