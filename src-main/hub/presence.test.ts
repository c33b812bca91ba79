import { describe, expect, it } from 'vitest';
import { utf8 } from '../lib/base/bytes.ts';
import { manualClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/host.ts';
import { silentLog } from '../lib/base/log.ts';
import { must, ok } from '../lib/base/result.ts';
import { createDeviceMessages } from './device-messages.ts';
import type { DeviceStore } from './device-store.ts';
import { openHubDatabase } from './hub-database.ts';
import { createPresence } from './presence.ts';
import { createRegistry } from './registry.ts';

describe('the last messages', () => {
  it('are ten a device, short, and of the devices that spoke last', () => {
    const messages = createDeviceMessages();
    const say = (deviceId: string, payload: Uint8Array): void => {
      messages.add(deviceId, { receivedMs: 0, system: {}, properties: {}, payload });
    };
    say('quiet', utf8('x'));
    for (let count = 0; count < 12; count += 1) say('loud', utf8(String(count)));
    expect(messages.of('loud').map((message) => message['payload'])).toEqual([
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
      '10',
      '11',
    ]);
    for (let count = 0; count < 499; count += 1) say(`device-${count}`, utf8('x'.repeat(9_000)));
    expect(messages.of('quiet')).toEqual([]);
    expect(messages.of('loud')).toHaveLength(10);
    expect(messages.of('device-1')[0]?.['payload']).toHaveLength(2_048);
  });

  it('shows as many properties as fit, whatever was sent', () => {
    const messages = createDeviceMessages();
    const properties = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`p${at}`, 'x'.repeat(100)]));
    messages.add('d', { receivedMs: 0, system: {}, properties, payload: new Uint8Array() });
    expect(JSON.stringify(messages.of('d')).length).toBeLessThan(2_500);
    expect(messages.of('d')).toMatchObject([{ properties: { p0: 'x'.repeat(100) } }]);
  });

  it('shows bytes that are no text as base64', () => {
    const messages = createDeviceMessages();
    messages.add('d', { receivedMs: 0, system: {}, properties: {}, payload: Uint8Array.of(0xff, 0) });
    expect(messages.of('d')).toMatchObject([{ payloadBase64: '/wA=' }]);
  });
});

describe('presence', () => {
  it('shows activity at once, and writes that of many messages in one commit', async () => {
    const clock = manualClock(1_800_000_000_000);
    const database = must(openHubDatabase(':memory:'));
    must(database.keys(1, () => ({ primaryKey: 'a', secondaryKey: 'b' })));
    let commits = 0;
    const inner = database.devices(1);
    const store: DeviceStore = {
      read: (look) => inner.read(look),
      write(change) {
        commits += 1;
        return inner.write(change);
      },
    };
    const parts = { store: inner, clock, random: systemRandom, log: silentLog, tell: () => undefined };
    must(createRegistry(parts).create('d', {}));
    const presence = createPresence(store, clock, silentLog);
    presence.connected('d');
    const before = commits;
    for (let count = 0; count < 100; count += 1) presence.heard('d');
    expect(presence.of('d')).toEqual({ connected: true, lastActivityMs: clock.nowMs() });
    expect(commits).toBe(before);
    await clock.advance(5_000);
    expect(commits).toBe(before + 1);
    expect(must(inner.read((devices) => devices.get('d')))?.lastActivityMs).toBe(1_800_000_000_000);
    presence.disconnected('d');
    presence.close();
    expect(presence.of('d').connected).toBe(false);
    expect(must(inner.read((devices) => ok(devices.get('d')))).ok).toBe(true);
    database.close();
  });
});
