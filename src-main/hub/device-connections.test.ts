import { describe, expect, it } from 'vitest';
import { createDeviceConnections, type DeviceConnection } from './device-connections.ts';
import type { Presence } from './presence.ts';

function bench() {
  const heard: string[] = [];
  const presence: Presence = {
    connectedCount: 0,
    of: () => ({ connected: false, lastActivityMs: undefined }),
    connected: (deviceId) => void heard.push(`${deviceId} connected`),
    disconnected: (deviceId) => void heard.push(`${deviceId} disconnected`),
    heard: () => undefined,
    forget: () => undefined,
    close: () => undefined,
  };
  const connection = (name: string): DeviceConnection => ({
    desiredChanged: () => undefined,
    close: () => void heard.push(`${name} closed`),
  });
  return { heard, connections: createDeviceConnections(presence), connection };
}

describe('the connections of a hub', () => {
  it('are one a device: a second ends the first, whose end then says nothing of the device', () => {
    const { heard, connections, connection } = bench();
    const [mqtt, amqp] = [connection('mqtt'), connection('amqp')];
    const leaveFirst = connections.opened('d', mqtt);
    const leaveSecond = connections.opened('d', amqp);
    leaveFirst();
    expect(connections.of('d')).toBe(amqp);
    leaveSecond();
    expect(connections.of('d')).toBeUndefined();
    expect(heard).toEqual(['d connected', 'd connected', 'mqtt closed', 'd disconnected']);
  });

  it('are all ended at once', () => {
    const { heard, connections, connection } = bench();
    connections.opened('d', connection('one'));
    connections.opened('e', connection('two'));
    connections.closeAll();
    expect(heard.slice(2)).toEqual(['one closed', 'two closed']);
  });
});
