import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/host.ts';
import { silentLog } from '../lib/base/log.ts';
import { must } from '../lib/base/result.ts';
import { etagMatches, type RegistryEvent } from './device-changes.ts';
import { openHubDatabase, type HubDatabase } from './hub-database.ts';
import { createRegistry, type Registry } from './registry.ts';

let database: HubDatabase;
let registry: Registry;
let events: RegistryEvent[];

beforeEach(() => {
  database = must(openHubDatabase(':memory:'));
  must(database.keys(1, () => ({ primaryKey: 'a', secondaryKey: 'b' })));
  events = [];
  registry = createRegistry({
    store: database.devices(1),
    clock: manualClock(),
    random: systemRandom,
    log: silentLog,
    tell: (event) => void events.push(event),
  });
});

afterEach(() => {
  database.close();
});

describe('the registry', () => {
  it('makes keys for a device that brings none, and keeps them through an update that leaves them out', () => {
    const made = must(registry.create('d', {}));
    expect(made.authentication).toMatchObject({ type: 'sas', primaryKey: expect.stringMatching(/^.{44}$/) as string });
    const updated = must(registry.update('d', { status: 'disabled' }, '"*"'));
    expect(updated.authentication).toEqual(made.authentication);
    expect(updated.etag).not.toBe(made.etag);
  });

  it('creates once', () => {
    must(registry.create('d', {}));
    expect(registry.create('d', {})).toMatchObject({ fault: { code: 'DeviceAlreadyExists' } });
  });

  it('changes only what the caller has seen', () => {
    const { etag } = must(registry.create('d', {}));
    expect(registry.update('d', {}, '"stale"')).toMatchObject({ fault: { code: 'PreconditionFailed' } });
    expect(registry.update('d', {}, `"${etag}"`)).toMatchObject({ ok: true });
    expect(registry.remove('d', `"${etag}"`)).toMatchObject({ fault: { code: 'PreconditionFailed' } });
  });

  it('says that access changed when a device is disabled, given other keys or removed, and not otherwise', () => {
    must(registry.create('d', {}));
    must(registry.update('d', { statusReason: 'moved' }, '*'));
    expect(events).toEqual([]);
    must(registry.update('d', { status: 'disabled' }, '*'));
    must(registry.remove('d'));
    expect(events).toEqual([
      { kind: 'access-changed', deviceId: 'd' },
      { kind: 'access-changed', deviceId: 'd' },
    ]);
  });

  it('tells a change of desired properties with its version', () => {
    must(registry.create('d', {}));
    const body = { tags: { site: 'b2' }, properties: { desired: { interval: 30 } } };
    must(registry.changeTwin('d', { body, how: 'merge', ifMatch: '*' }));
    expect(events).toEqual([{ kind: 'desired-changed', deviceId: 'd', patch: { interval: 30 }, version: 2 }]);
    expect(must(registry.get('d')).twin.tags).toEqual({ site: 'b2' });
  });

  it('tells nothing of a change that was refused', () => {
    must(registry.create('d', {}));
    const body = { properties: { desired: { 'a.b': 1 } } };
    expect(registry.changeTwin('d', { body, how: 'merge', ifMatch: undefined }).ok).toBe(false);
    expect(events).toEqual([]);
  });

  it.each(['', 'a b', 'ü', 'a/b', 'x'.repeat(129)])('refuses the device id %j', (deviceId) => {
    expect(registry.create(deviceId, {})).toMatchObject({ fault: { code: 'ArgumentInvalid' } });
  });

  it.each([
    [{ status: 'asleep' }],
    [{ authentication: { type: 'magic' } }],
    [{ authentication: { type: 'selfSigned', x509Thumbprint: {} } }],
    [{ authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'abcd' } } }],
    [{ authentication: { type: 'sas', symmetricKey: { primaryKey: 'not base64' } } }],
  ])('refuses the identity %j', (body) => {
    expect(registry.create('d', body)).toMatchObject({ fault: { code: 'ArgumentInvalid' } });
  });

  it('does each item of a bulk call on its own', () => {
    must(registry.create('old', {}));
    const result = must(
      registry.bulk([
        { id: 'old', importMode: 'create' },
        { id: 'new', importMode: 'create', tags: { a: 1 }, properties: { desired: { b: 2 } } },
        { id: 'bad', importMode: 'create', tags: { 'a.b': 1 } },
        { id: 'old', importMode: 'UpdateIfMatchETag', etag: 'stale' },
        { id: 'gone', importMode: 'Delete' },
        { id: 'old', importMode: 'shred' },
        'nothing',
      ]),
    );
    expect(result).toMatchObject({ isSuccessful: false });
    expect(
      (result['errors'] as readonly { deviceId: string; errorCode: number }[]).map((error) => error.errorCode),
    ).toEqual([409001, 400001, 412001, 404001, 400001, 400001]);
    expect(must(registry.list(10)).map(({ deviceId }) => deviceId)).toEqual(['new', 'old']);
    expect(must(registry.get('new')).twin.desired.values).toEqual({ b: 2 });
  });

  it('counts and pages in the order of ids', () => {
    for (const id of ['c', 'a', 'b']) must(registry.create(id, id === 'a' ? { status: 'disabled' } : {}));
    expect(must(registry.counts())).toEqual({ total: 3, enabled: 2 });
    expect(must(registry.list(2)).map(({ deviceId }) => deviceId)).toEqual(['a', 'b']);
    expect(must(registry.list(2, 'b')).map(({ deviceId }) => deviceId)).toEqual(['c']);
  });

  it('keeps two hubs of one file apart', () => {
    must(database.keys(2, () => ({ primaryKey: 'c', secondaryKey: 'd' })));
    must(registry.create('d', {}));
    expect(must(database.devices(2).read((devices) => devices.counts()))).toEqual({ total: 0, enabled: 0 });
  });
});

describe('an etag', () => {
  it.each([
    [undefined, true],
    ['*', true],
    ['"*"', true],
    ['abc', true],
    ['"abc"', true],
    ['W/"abc"', true],
    ['"ab"', false],
    ['', false],
  ])('%j matches abc: %s', (ifMatch, expected) => {
    expect(etagMatches('abc', ifMatch)).toBe(expected);
  });
});
