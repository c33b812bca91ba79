import { expect, it } from 'vitest';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { dpsFault } from '../../lib/dps/faults.ts';
import type { HubDevice } from '../core/ports.ts';
import { createDeviceBatches, type DeviceWriter } from './device-batches.ts';

const authentication = { type: 'sas', primaryKey: 'p', secondaryKey: 's' } as const;
const device = (deviceId: string): HubDevice => ({ deviceId, authentication, iotEdge: false });
const ids = (from: number, count: number) => Array.from({ length: count }, (_, at) => `d${from + at}`);

/** Notes its calls; `many` answers what it is told. */
function hub(many: (names: readonly string[]) => Result<ReadonlySet<string>> = () => ok(new Set())) {
  const calls: string[][] = [];
  const writer: DeviceWriter = {
    async one({ deviceId }) {
      calls.push([deviceId]);
      return deviceId === 'bad' ? failed(dpsFault('call-refused', { peer: 'hub' })) : ok();
    },
    async many(devices) {
      const names = devices.map((one) => one.deviceId);
      calls.push(names);
      return many(names);
    },
  };
  return { calls, put: createDeviceBatches(writer) };
}

it('writes one alone by itself, and what comes together in calls of at most a hundred', async () => {
  const { calls, put } = hub();
  expect(await put(device('alone'))).toEqual(ok());
  const all = await Promise.all(ids(0, 250).map((id) => put(device(id))));
  expect(all.every((result) => result.ok)).toBe(true);
  expect(calls).toEqual([['alone'], ids(0, 100), ids(100, 100), ids(200, 50)]);
});

it('a device that the hub refuses hears its own reason, and the others are written', async () => {
  const { calls, put } = hub(() => ok(new Set(['bad'])));
  const results = await Promise.all(['a', 'bad', 'b'].map((id) => put(device(id))));
  expect(results.map((result) => (result.ok ? 'ok' : result.fault.code))).toEqual(['ok', 'call-refused', 'ok']);
  expect(calls).toEqual([['a', 'bad', 'b'], ['bad']]);
});

it('writes each by itself at a hub that takes no call for many', async () => {
  const { calls, put } = hub(() => failed(dpsFault('call-refused', { peer: 'hub' })));
  expect(await Promise.all(['a', 'b'].map((id) => put(device(id))))).toEqual([ok(), ok()]);
  expect(calls).toEqual([['a', 'b'], ['a'], ['b']]);
});

it('tells all of one call that the hub was away', async () => {
  const { put } = hub(() => failed(dpsFault('peer-offline', { peer: 'hub', reason: 'away' })));
  const results = await Promise.all(['a', 'b'].map((id) => put(device(id))));
  expect(results).toMatchObject([{ fault: { code: 'peer-offline' } }, { fault: { code: 'peer-offline' } }]);
});

it('never names a device twice in one call: its changes are written in their order', async () => {
  const { calls, put } = hub();
  await Promise.all(['a', 'b', 'a'].map((id) => put(device(id))));
  expect(calls).toEqual([['a', 'b'], ['a']]);
});
