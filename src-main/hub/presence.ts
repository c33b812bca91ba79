/** Which devices are connected now, and when each was last heard of. */
import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import { ok } from '../lib/base/result.ts';
import type { DeviceStore } from './device-store.ts';
import type { DevicePresence } from './device.ts';

export interface Presence {
  readonly connectedCount: number;
  of(deviceId: string): DevicePresence;
  connected(deviceId: string): void;
  disconnected(deviceId: string): void;
  heard(deviceId: string): void;
  forget(deviceId: string): void;
  /** Writes what is not on disk yet and stops. */
  close(): void;
}

// One commit for all devices heard within it, instead of one a message: the time shown may be that much older after
// a crash, and nothing is decided by it.
const writeEveryMs = 5_000;

export function createPresence(store: DeviceStore, clock: Clock, log: Log): Readonly<Presence> {
  const connected = new Set<string>();
  const lastHeard = new Map<string, number>();
  const unwritten = new Set<string>();
  let cancelTimer: (() => void) | undefined;

  const write = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    if (unwritten.size === 0) return;
    const written = store.write((devices) => {
      for (const deviceId of unwritten) devices.noteActivity(deviceId, lastHeard.get(deviceId) ?? clock.nowMs());
      return ok();
    });
    if (!written.ok) log.warn('activity-not-written', { code: written.fault.code });
    // what is on disk is read from there, so the map stays as small as the number of connected devices
    for (const deviceId of unwritten) if (!connected.has(deviceId)) lastHeard.delete(deviceId);
    unwritten.clear();
  };
  const heard = (deviceId: string): void => {
    lastHeard.set(deviceId, clock.nowMs());
    unwritten.add(deviceId);
    cancelTimer ??= clock.after(writeEveryMs, write);
  };
  const noteConnection = (deviceId: string): void => {
    const noted = store.write((devices) => {
      devices.noteConnection(deviceId, clock.nowMs());
      return ok();
    });
    if (!noted.ok) log.warn('connection-not-noted', { code: noted.fault.code });
  };

  return Object.freeze<Presence>({
    get connectedCount() {
      return connected.size;
    },
    of: (deviceId) => ({ connected: connected.has(deviceId), lastActivityMs: lastHeard.get(deviceId) }),
    connected(deviceId) {
      connected.add(deviceId);
      heard(deviceId);
      noteConnection(deviceId);
    },
    disconnected(deviceId) {
      if (!connected.delete(deviceId)) return;
      heard(deviceId);
      noteConnection(deviceId);
    },
    heard,
    forget(deviceId) {
      lastHeard.delete(deviceId);
      unwritten.delete(deviceId);
    },
    close: write,
  });
}
