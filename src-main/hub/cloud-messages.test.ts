import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../lib/base/bytes.ts';
import { manualClock, type ManualClock } from '../lib/base/clock.ts';
import { isoTime, systemRandom } from '../lib/base/host.ts';
import { silentLog, type Log } from '../lib/base/log.ts';
import { must } from '../lib/base/result.ts';
import type { CloudMessageForm, SystemProperties } from './cloud-message.ts';
import { createCloudMessages, type CloudDelivery, type CloudMessages } from './cloud-messages.ts';
import { openHubDatabase, type HubDatabase } from './hub-database.ts';
import { createRegistry, type Registry } from './registry.ts';

let clock: ManualClock;
let database: HubDatabase;
let registry: Registry;
let queue: CloudMessages;

beforeEach(() => {
  clock = manualClock();
  database = must(openHubDatabase(':memory:'));
  must(database.keys(1, () => ({ primaryKey: 'a', secondaryKey: 'b' })));
  registry = createRegistry({
    store: database.devices(1),
    clock,
    random: systemRandom,
    log: silentLog,
    tell: () => undefined,
  });
  must(registry.create('d', {}));
  queue = openQueue();
});

afterEach(() => {
  database.close();
});

function openQueue(log: Log = silentLog): CloudMessages {
  return createCloudMessages({ store: database.cloudMessages(1), clock, random: systemRandom, log });
}

function form(text: string, system: SystemProperties = {}): CloudMessageForm {
  return { system, properties: {}, payload: utf8(text) };
}

function next(lockMs?: number): CloudDelivery | undefined {
  return must(queue.receive('d', lockMs));
}

function textOf(delivery: CloudDelivery | undefined): string | undefined {
  return delivery === undefined ? undefined : fromUtf8(delivery.message.payload);
}

describe('a device’s queue', () => {
  it('hands messages out in order, each to one receiver at a time, and forgets what is completed or rejected', () => {
    for (const text of ['a', 'b', 'c']) must(queue.enqueue('d', form(text)));
    const [a, b, c] = [next(), next(), next()];
    expect([a, b, c].map(textOf)).toEqual(['a', 'b', 'c']);
    expect(next()).toBeUndefined();
    must(queue.settle('d', a!.lockToken, 'complete'));
    must(queue.settle('d', b!.lockToken, 'reject'));
    must(queue.settle('d', c!.lockToken, 'abandon'));
    expect(queue.count('d')).toBe(1);
    const again = next();
    expect(again?.message).toMatchObject({ deliveryCount: 2 });
    expect(textOf(again)).toBe('c');
  });

  it('keeps what it was told of a message', () => {
    const system = { messageId: 'm1', correlationId: 'c1', contentType: 'text/plain', ack: 'Full' };
    must(queue.enqueue('d', { ...form('x', system), properties: { kind: 'hello' } }));
    expect(next()?.message).toMatchObject({ messageId: 'm1', ack: 'full', system, properties: { kind: 'hello' } });
  });

  it('settles by the lock token alone, and once', () => {
    must(queue.enqueue('d', form('a')));
    const a = next();
    expect(queue.settle('d', 'guess', 'complete')).toMatchObject({ fault: { code: 'DeviceMessageLockLost' } });
    must(queue.settle('d', a!.lockToken, 'complete'));
    expect(queue.settle('d', a!.lockToken, 'complete')).toMatchObject({ fault: { code: 'DeviceMessageLockLost' } });
  });

  it('hands a message out again when its lock is over, and says so', async () => {
    must(queue.enqueue('d', form('a')));
    const first = next(60_000);
    let told = 0;
    queue.listen('d', () => (told += 1));
    await clock.advance(59_999);
    expect(next()).toBeUndefined();
    await clock.advance(1);
    expect(told).toBe(1);
    expect(queue.settle('d', first!.lockToken, 'complete').ok).toBe(false);
    expect(textOf(next())).toBe('a');
  });

  it('tells those who listen of a new and of an abandoned message, and nobody who has left', () => {
    let told = 0;
    const leave = queue.listen('d', () => (told += 1));
    must(queue.enqueue('d', form('a')));
    must(queue.settle('d', next()!.lockToken, 'abandon'));
    expect(told).toBe(2);
    leave();
    must(queue.enqueue('d', form('b')));
    expect(told).toBe(2);
  });

  it('holds 50 messages and refuses the next', () => {
    for (let count = 0; count < 50; count += 1) must(queue.enqueue('d', form(String(count))));
    expect(queue.enqueue('d', form('one more'))).toMatchObject({ fault: { code: 'DeviceMaximumQueueDepthExceeded' } });
    must(queue.settle('d', next()!.lockToken, 'complete'));
    expect(queue.enqueue('d', form('one more')).ok).toBe(true);
    expect(must(queue.purge('d'))).toBe(50);
    expect(next()).toBeUndefined();
  });

  it('drops a message when its time is over: an hour, or what its sender says, two days at the most', async () => {
    must(queue.enqueue('d', form('usual')));
    must(queue.enqueue('d', form('short', { expiryTimeUtc: isoTime(clock.nowMs() + 1_000) })));
    must(queue.enqueue('d', form('long', { expiryTimeUtc: isoTime(clock.nowMs() + 1_000_000_000) })));
    await clock.advance(3_600_000);
    expect(queue.count('d')).toBe(3);
    expect(textOf(next())).toBe('long');
    expect(queue.count('d')).toBe(1);
    expect(next()).toBeUndefined();
    queue = openQueue();
    await clock.advance(172_800_000);
    expect(next()).toBeUndefined();
  });

  it('drops a message that was handed out ten times, and says so', () => {
    const said: unknown[] = [];
    queue = openQueue({ ...silentLog, warn: (...line) => void said.push(line) });
    must(queue.enqueue('d', form('bad')));
    for (let count = 1; count <= 10; count += 1) {
      const delivery = next();
      expect(delivery?.message.deliveryCount).toBe(count);
      must(queue.settle('d', delivery!.lockToken, 'abandon'));
    }
    expect(said).toEqual([]);
    expect(next()).toBeUndefined();
    expect(queue.count('d')).toBe(0);
    expect(said).toEqual([
      ['message-dropped', { deviceId: 'd', sequence: 1, deliveryCount: 10, reason: 'deliveries' }],
    ]);
  });

  it('is there after a restart, with nothing held', () => {
    must(queue.enqueue('d', form('a')));
    next();
    queue = openQueue();
    expect(next()?.message).toMatchObject({ deliveryCount: 2 });
  });

  it('goes with its device, and is no other device’s', () => {
    must(registry.create('e', {}));
    must(queue.enqueue('d', form('a')));
    expect(must(queue.receive('e'))).toBeUndefined();
    must(registry.remove('d'));
    must(registry.create('d', {}));
    expect(queue.count('d')).toBe(0);
    expect(queue.enqueue('nobody', form('a'))).toMatchObject({ fault: { code: 'DeviceNotFound' } });
  });

  it.each([
    ['larger than 256 kB', { ...form(''), payload: new Uint8Array(262_145) }, 'MessageTooLarge'],
    ['with too many properties', { ...form(''), properties: { big: 'x'.repeat(16_384) } }, 'MessageTooLarge'],
    ['with an unknown ack', form('', { ack: 'maybe' }), 'ArgumentInvalid'],
    ['that is over already', form('', { expiryTimeUtc: '2020-01-01T00:00:00Z' }), 'ArgumentInvalid'],
    ['with an unreadable expiry', form('', { expiryTimeUtc: 'soon' }), 'ArgumentInvalid'],
  ])('refuses a message %s', (_what, wrong, code) => {
    expect(queue.enqueue('d', wrong)).toMatchObject({ fault: { code } });
  });
});
