/** One virtual hub: its registry, its devices' connections, and what ties them together. */
import { inBackground } from '../lib/base/background.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import type { HangUp, WebReply, WebRequest } from '../lib/listen/https-server.ts';
import { createMqttBroker } from '../lib/listen/mqtt-broker.ts';
import { maxTlsConnections } from '../lib/listen/tls-server.ts';
import type { MqttBroker } from '../lib/listen/mqtt.ts';
import type { AmqpAcceptor } from '../lib/listen/amqp.ts';
import { createAccess } from './access.ts';
import { createHubAmqp } from './amqp-protocol.ts';
import type { CloudMessageStore } from './cloud-message-store.ts';
import { createCloudMessages } from './cloud-messages.ts';
import type { RegistryEvent } from './device-changes.ts';
import { createDeviceConnections } from './device-connections.ts';
import { createDeviceDesk, type DeviceDesk } from './device-desk.ts';
import { createDeviceMessages } from './device-messages.ts';
import { deviceHooks, maxPacketBytes, type DevicePeer } from './device-protocol.ts';
import type { DeviceStore } from './device-store.ts';
import { createDirectMethods } from './direct-methods.ts';
import { createFaultSwitch, type FaultSwitch } from './fault-switch.ts';
import { answerHub } from './hub-api.ts';
import type { HubKeys } from './hub-database.ts';
import { createPresence } from './presence.ts';
import { createRegistry } from './registry.ts';

export interface HubParts {
  readonly hostName: string;
  readonly keys: HubKeys;
  readonly store: DeviceStore;
  readonly cloudMessageStore: CloudMessageStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Hub {
  readonly hostName: string;
  answer(request: WebRequest): Promise<WebReply | HangUp>;
  /** What every device protocol translates to. */
  readonly desk: DeviceDesk;
  readonly devices: MqttBroker<DevicePeer>;
  /** Every door asks it before it lets anybody in. */
  readonly faults: FaultSwitch;
  readonly amqp: AmqpAcceptor;
  close(): Promise<void>;
}

export async function createHub(parts: HubParts): Promise<Readonly<Hub>> {
  const { hostName, store, clock, random, log } = parts;
  const access = createAccess(hostName, parts.keys, clock);
  const presence = createPresence(store, clock, log);
  const messages = createDeviceMessages();
  const methods = createDirectMethods(clock, random);
  const cloudMessages = createCloudMessages({ store: parts.cloudMessageStore, clock, random, log });
  const connections = createDeviceConnections(presence);
  const tell = (event: RegistryEvent): void => {
    const connection = connections.of(event.deviceId);
    if (event.kind === 'desired-changed') {
      connection?.desiredChanged(event.patch, event.version);
      return;
    }
    connection?.close();
    if (registry.get(event.deviceId).ok) return;
    presence.forget(event.deviceId);
    messages.forget(event.deviceId);
    cloudMessages.forget(event.deviceId);
    inBackground(log, 'mqtt-session-not-forgotten', () => devices.forget(event.deviceId));
  };
  const registry = createRegistry({ store, clock, random, log, tell });
  const cores = { connections, methods, cloudMessages };
  const desk = createDeviceDesk({ access, registry, presence, messages, ...cores, clock, log });
  const faults = createFaultSwitch(clock, () => {
    connections.closeAll();
  });
  const devices = await createMqttBroker(
    deviceHooks({ desk, faults, store, clock, log }),
    {
      maxPacketBytes,
      // Devices come by two listeners, 8883 and the WebSockets of 443, each with its own bound.
      maxConnections: 2 * maxTlsConnections,
      cleanSession: 'as-asked',
    },
    log,
  );
  const api = { access, registry, presence, messages, ...cores, desk, faults, clock, random };
  const amqp = createHubAmqp({ desk, access, faults, clock, log });
  return Object.freeze<Hub>({
    hostName,
    answer: (request) => answerHub(api, request),
    desk,
    devices,
    faults,
    amqp,
    async close() {
      faults.clear();
      methods.close();
      await amqp.close();
      await devices.close();
      cloudMessages.close();
      presence.close();
    },
  });
}
