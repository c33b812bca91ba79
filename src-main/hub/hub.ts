/** One virtual hub: its registry, its devices' connections, and what ties them together. */
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import type { WebReply, WebRequest } from '../lib/listen/https-server.ts';
import { createMqttBroker } from '../lib/listen/mqtt-broker.ts';
import { maxTlsConnections } from '../lib/listen/tls-server.ts';
import type { MqttBroker } from '../lib/listen/mqtt.ts';
import { createAccess } from './access.ts';
import type { RegistryEvent } from './device-changes.ts';
import { createDeviceMessages } from './device-messages.ts';
import { deviceHooks, maxPacketBytes, notifyDesired, type DevicePeer } from './device-protocol.ts';
import type { DeviceStore } from './device-store.ts';
import type { HubKeys } from './hub-database.ts';
import { createPresence } from './presence.ts';
import { answerRegistry } from './registry-api.ts';
import { createRegistry } from './registry.ts';

export interface HubParts {
  readonly hostName: string;
  readonly keys: HubKeys;
  readonly store: DeviceStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Hub {
  readonly hostName: string;
  answer(request: WebRequest): WebReply;
  readonly devices: MqttBroker<DevicePeer>;
  close(): Promise<void>;
}

export async function createHub(parts: HubParts): Promise<Readonly<Hub>> {
  const { hostName, store, clock, random, log } = parts;
  const access = createAccess(hostName, parts.keys, clock);
  const presence = createPresence(store, clock, log);
  const messages = createDeviceMessages();
  const tell = (event: RegistryEvent): void => {
    const connection = devices.connection(event.deviceId);
    if (event.kind === 'desired-changed') {
      notifyDesired(connection, event.patch, event.version);
      return;
    }
    connection?.close();
    if (registry.get(event.deviceId).ok) return;
    presence.forget(event.deviceId);
    messages.forget(event.deviceId);
    void devices.forget(event.deviceId);
  };
  const registry = createRegistry({ store, clock, random, log, tell });
  const devices = await createMqttBroker(deviceHooks({ access, registry, store, presence, messages, clock, log }), {
    maxPacketBytes,
    maxConnections: maxTlsConnections, // the listener's own bound
    cleanSession: 'as-asked',
  });
  return Object.freeze<Hub>({
    hostName,
    answer: (request) => answerRegistry({ access, registry, presence, messages, clock, random }, request),
    devices,
    async close() {
      await devices.close();
      presence.close();
    },
  });
}
