/** The last telemetry of each device, so that a person can see that it speaks. Bounded, in memory, never the record. */
import { fromUtf8, toBase64 } from '../lib/base/bytes.ts';
import { isoTime } from '../lib/base/host.ts';
import type { AppProperties, SystemProperties } from './cloud-message.ts';
import type { JsonObject } from './json.ts';

export interface DeviceMessage {
  readonly receivedMs: number;
  readonly system: SystemProperties;
  readonly properties: AppProperties;
  readonly payload: Uint8Array;
}

export interface DeviceMessages {
  add(deviceId: string, message: DeviceMessage): void;
  /** Oldest first. */
  of(deviceId: string): readonly JsonObject[];
  forget(deviceId: string): void;
}

// A screen shows a handful; 500 devices of ten messages of 4 kB are at most 20 MB.
const maxDevices = 500;
const maxPerDevice = 10;
const maxShownBytes = 2_048;
const maxShownPropertyBytes = 2_048;

export function createDeviceMessages(): Readonly<DeviceMessages> {
  const kept = new Map<string, readonly DeviceMessage[]>();
  return Object.freeze<DeviceMessages>({
    add(deviceId, message) {
      const before = kept.get(deviceId) ?? [];
      const properties = shownProperties(message.properties);
      const system: SystemProperties = shownProperties({ ...message.system });
      // a copy: a part of a buffer would keep the whole of it
      const shown = {
        ...message,
        properties,
        system,
        payload: Uint8Array.from(message.payload.subarray(0, maxShownBytes)),
      };
      // taken out and put back: the map's order is then by last message, and the quietest device leaves first
      kept.delete(deviceId);
      kept.set(deviceId, [...before, shown].slice(-maxPerDevice));
      const [quietest] = kept.keys();
      if (kept.size > maxDevices && quietest !== undefined) kept.delete(quietest);
    },
    of: (deviceId) => (kept.get(deviceId) ?? []).map(messageView),
    forget: (deviceId) => void kept.delete(deviceId),
  });
}

function messageView(message: DeviceMessage): JsonObject {
  const text = fromUtf8(message.payload);
  return {
    receivedTime: isoTime(message.receivedMs),
    systemProperties: { ...message.system },
    properties: message.properties,
    ...(text === undefined ? { payloadBase64: toBase64(message.payload) } : { payload: text }),
  };
}

/** As many of them, in their order, as fit. */
function shownProperties(properties: AppProperties): AppProperties {
  let left = maxShownPropertyBytes;
  const fits = ([name, value]: readonly [string, string]): boolean => {
    left -= name.length + value.length;
    return left >= 0;
  };
  return Object.fromEntries(Object.entries(properties).filter(fits));
}
