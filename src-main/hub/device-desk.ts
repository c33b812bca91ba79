/** What a device may ask of its hub, over whichever protocol: the MQTT, AMQP and HTTPS doors only translate to this. */
import { createAttemptLimits } from '../lib/base/attempt-limits.ts';
import { fromUtf8 } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Admission, DeviceCredentials, HubAccess } from './access.ts';
import type { AppProperties, SystemProperties } from './cloud-message.ts';
import type { CloudMessages } from './cloud-messages.ts';
import type { Outcome } from './device-changes.ts';
import type { DeviceConnections } from './device-connections.ts';
import type { DeviceMessages } from './device-messages.ts';
import type { DirectMethods } from './direct-methods.ts';
import { hubFault } from './hub-fault.ts';
import { isObject, parseJson, type JsonObject } from './json.ts';
import type { Presence } from './presence.ts';
import { createRefusalLog } from './refusal-log.ts';
import type { Registry } from './registry.ts';
import { deviceView } from './twin.ts';

export interface Telemetry {
  readonly system: SystemProperties;
  readonly properties: AppProperties;
  readonly payload: Uint8Array;
}

export type Admitted =
  | { readonly is: 'admitted'; readonly admission: Admission }
  | { readonly is: 'refused' }
  /** Too much of what it has shown was wrong: it was not looked at. */
  | { readonly is: 'throttled'; readonly retryAfterS: number };

export interface DeviceDesk {
  /** Why one is refused is in the log, not on the wire. */
  admit(deviceId: string, credentials: DeviceCredentials): Admitted;
  telemetry(deviceId: string, message: Telemetry): Outcome<void>;
  /** `{desired: {..., $version}, reported: {..., $version}}`. */
  twin(deviceId: string): Outcome<JsonObject>;
  /** Merges a JSON patch into the reported properties; gives their new version. */
  report(deviceId: string, patch: Uint8Array): Outcome<number>;
  /** The device says which model it is (MQTT's user name, AMQP's link property `com.microsoft:model-id`). */
  announced(deviceId: string, modelId: string): void;
  /** The device was heard of. */
  heard(deviceId: string): void;
  readonly connections: DeviceConnections;
  readonly methods: DirectMethods;
  readonly cloudMessages: CloudMessages;
}

export interface DeskParts {
  readonly access: HubAccess;
  readonly registry: Registry;
  readonly presence: Presence;
  readonly messages: DeviceMessages;
  readonly connections: DeviceConnections;
  readonly methods: DirectMethods;
  readonly cloudMessages: CloudMessages;
  readonly clock: Clock;
  readonly log: Log;
}

/** IoT Hub takes messages of up to 256 kB. */
export const maxTelemetryBytes = 262_144;

export function createDeviceDesk(parts: DeskParts): Readonly<DeviceDesk> {
  const { access, registry, presence, messages, clock, log } = parts;
  const limits = createAttemptLimits(clock);
  const refusals = createRefusalLog({ clock, log });
  return Object.freeze<DeviceDesk>({
    admit(deviceId, credentials) {
      const who = { source: credentials.source, id: deviceId };
      const attempt = limits.begin(who);
      if (attempt.is === 'throttled') {
        refusals.refused(who, attempt.is);
        return attempt;
      }
      const device = registry.get(deviceId);
      const judged = access.admit(deviceId, device.ok ? device.value : undefined, credentials);
      // A store that fails says nothing of what was shown.
      const isJudged = device.ok || device.fault.code !== 'ServiceUnavailable';
      attempt.end(judged.is === 'admitted' ? 'right' : isJudged ? 'wrong' : 'neither');
      if (judged.is === 'admitted') refusals.right(who);
      else refusals.refused(who, judged.why);
      return judged;
    },
    telemetry(deviceId, message) {
      if (message.payload.length > maxTelemetryBytes) {
        return failed(hubFault('MessageTooLarge', { limit: maxTelemetryBytes }));
      }
      presence.heard(deviceId);
      messages.add(deviceId, { ...message, receivedMs: clock.nowMs() });
      return ok();
    },
    twin(deviceId) {
      const device = registry.get(deviceId);
      return device.ok ? ok(deviceView(device.value.twin)) : device;
    },
    report(deviceId, payload) {
      const patch = parseJson(fromUtf8(payload) ?? '');
      if (!isObject(patch)) return failed(hubFault('ArgumentInvalid', { reason: 'it is no JSON object' }));
      const device = registry.report(deviceId, patch);
      return device.ok ? ok(device.value.twin.reported.version) : device;
    },
    announced(deviceId, modelId) {
      const noted = registry.noteModel(deviceId, modelId);
      if (!noted.ok) log.warn('model-not-noted', { deviceId, code: noted.fault.code });
    },
    heard: (deviceId) => {
      presence.heard(deviceId);
    },
    connections: parts.connections,
    methods: parts.methods,
    cloudMessages: parts.cloudMessages,
  });
}
