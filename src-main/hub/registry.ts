/** A hub's devices to those who use them: every change is committed before it is told. */
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, ok, type Result } from '../lib/base/result.ts';
import { runBulk } from './bulk.ts';
import {
  changeServiceTwin,
  createDevice,
  findDevice,
  noteModel,
  removeDevice,
  reportProperties,
  updateDevice,
  type ChangeScope,
  type Outcome,
  type RegistryEvent,
  type TwinRequest,
} from './device-changes.ts';
import type { DeviceCounts, DeviceStore } from './device-store.ts';
import type { Device } from './device.ts';
import { hubFault, type HubFault } from './hub-fault.ts';
import type { Json, JsonObject } from './json.ts';

export interface RegistryParts {
  readonly store: DeviceStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told after the commit. */
  readonly tell: (event: RegistryEvent) => void;
}

export interface Registry {
  get(deviceId: string): Outcome<Device>;
  list(limit: number, afterId?: string): Outcome<readonly Device[]>;
  counts(): Outcome<DeviceCounts>;
  create(deviceId: string, body: JsonObject): Outcome<Device>;
  update(deviceId: string, body: JsonObject, ifMatch?: string): Outcome<Device>;
  remove(deviceId: string, ifMatch?: string): Outcome<void>;
  bulk(items: readonly Json[]): Outcome<JsonObject>;
  changeTwin(deviceId: string, request: TwinRequest): Outcome<Device>;
  report(deviceId: string, patch: JsonObject): Outcome<Device>;
  noteModel(deviceId: string, modelId: string): Outcome<Device>;
}

export function createRegistry(parts: RegistryParts): Readonly<Registry> {
  const { store, clock, random, log, tell } = parts;
  const hubOutcome = <T>(result: Result<Outcome<T>>): Outcome<T> => {
    if (result.ok) return result.value;
    log.error('store-failed', { code: result.fault.code });
    return failed(hubFault('ServiceUnavailable', { reason: result.fault.say }));
  };
  const reading = <T>(look: (devices: Parameters<Parameters<DeviceStore['read']>[0]>[0]) => Outcome<T>): Outcome<T> =>
    hubOutcome(store.read(look));
  const changing = <T>(change: (scope: ChangeScope) => Outcome<T>): Outcome<T> => {
    const events: RegistryEvent[] = [];
    let refused: HubFault | undefined;
    const result = store.write<T>((devices) => {
      const outcome = change({ devices, clock, random, events });
      refused = outcome.ok ? undefined : outcome.fault;
      return outcome;
    });
    if (result.ok) {
      events.forEach(tell);
      return result;
    }
    return refused === undefined ? hubOutcome<T>(result) : failed(refused);
  };
  return Object.freeze<Registry>({
    get: (deviceId) => reading((devices) => findDevice(devices, deviceId)),
    list: (limit, afterId) => reading((devices) => ok(devices.list(limit, afterId))),
    counts: () => reading((devices) => ok(devices.counts())),
    create: (deviceId, body) => changing((scope) => createDevice(scope, deviceId, body)),
    update: (deviceId, body, ifMatch) => changing((scope) => updateDevice(scope, deviceId, body, ifMatch)),
    remove: (deviceId, ifMatch) => changing((scope) => removeDevice(scope, deviceId, ifMatch)),
    bulk: (items) => changing((scope) => ok(runBulk(scope, items))),
    changeTwin: (deviceId, request) => changing((scope) => changeServiceTwin(scope, deviceId, request)),
    noteModel: (deviceId, modelId) => changing((scope) => noteModel(scope, deviceId, modelId)),
    report: (deviceId, patch) => changing((scope) => reportProperties(scope, deviceId, patch)),
  });
}
