/** The one connection a device has at a time, whatever protocol it speaks (dps-wire 10.2: a second ends the first). */
import type { JsonObject } from './json.ts';
import type { Presence } from './presence.ts';

/** What the hub may do with a connection; each protocol makes its own. */
export interface DeviceConnection {
  /** Passed on when the device has asked to hear of it. */
  desiredChanged(patch: JsonObject, version: number): void;
  close(): void;
}

export interface DeviceConnections {
  /** Ends an earlier connection of this device; gives the way out, to be taken once it has ended. */
  opened(deviceId: string, connection: DeviceConnection): () => void;
  of(deviceId: string): DeviceConnection | undefined;
  closeAll(): void;
}

export function createDeviceConnections(presence: Presence): Readonly<DeviceConnections> {
  const live = new Map<string, DeviceConnection>();
  return Object.freeze<DeviceConnections>({
    opened(deviceId, connection) {
      const older = live.get(deviceId);
      live.set(deviceId, connection);
      presence.connected(deviceId);
      older?.close();
      return () => {
        // one that has been replaced says nothing of the device any more
        if (live.get(deviceId) !== connection) return;
        live.delete(deviceId);
        presence.disconnected(deviceId);
      };
    },
    of: (deviceId) => live.get(deviceId),
    closeAll() {
      for (const connection of [...live.values()]) connection.close();
    },
  });
}
