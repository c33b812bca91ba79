import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate } from './allocation.ts';
import type { LinkedHub } from './records.ts';

const hub = (hostName: string, allocationWeight = 1, applyAllocationPolicy = true): LinkedHub => ({
  hostName,
  connectionString: '',
  allocationWeight,
  applyAllocationPolicy,
});
const anyHub = { allocationPolicy: undefined, iotHubs: [], iotHubHostName: undefined };
const ask = (hubs: readonly LinkedHub[], registrationKey: string, enrollment = {}) =>
  allocate({ serviceDefault: 'hashed', hubs, registrationKey, enrollment: { ...anyHub, ...enrollment } });
const ids = Array.from({ length: 2_000 }, (_, at) => `unit-${at}`);

describe('hashed', () => {
  it('gives each hub its share by weight', () => {
    const hubs = [hub('a'), hub('b', 3)];
    const share = ids.filter((id) => ask(hubs, id) === 'b').length / ids.length;
    // Fixed ids: the number is the same in every run.
    expect(share).toBeGreaterThan(0.72);
    expect(share).toBeLessThan(0.78);
  });

  it('moves devices only to a hub that is added', () => {
    const before = [hub('a'), hub('b')];
    const after = [...before, hub('c')];
    const moved = ids.filter((id) => ask(before, id) !== ask(after, id));
    expect(moved.every((id) => ask(after, id) === 'c')).toBe(true);
    expect(moved.length).toBeGreaterThan(ids.length / 4);
  });

  it('does not depend on the order of the hubs', () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        const hubs = [hub('a'), hub('b', 7), hub('c')];
        expect(ask(hubs, id)).toBe(ask([...hubs].reverse(), id));
      }),
      { numRuns: 100 },
    );
  });

  it('keeps to the entry’s hubs and to those that take part', () => {
    expect(ask([hub('a'), hub('b'), hub('c')], 'x', { iotHubs: ['c'] })).toBe('c');
    expect(ask([hub('a', 1, false), hub('b')], 'x')).toBe('b');
    expect(ask([hub('a')], 'x', { iotHubs: ['z'] })).toBeUndefined();
    expect(ask([], 'x')).toBeUndefined();
  });
});

describe('static', () => {
  const fixed = (iotHubs: readonly string[]) => ({ allocationPolicy: 'static' as const, iotHubs });

  it('takes the one hub the entry names', () => {
    expect(ask([hub('a'), hub('b', 1, false)], 'x', fixed(['b']))).toBe('b');
  });

  it('takes none when the entry names none, two, or one that is not linked', () => {
    expect(ask([hub('a')], 'x', fixed([]))).toBeUndefined();
    expect(ask([hub('a'), hub('b')], 'x', fixed(['a', 'b']))).toBeUndefined();
    expect(ask([hub('a')], 'x', fixed(['b']))).toBeUndefined();
  });

  it('as the service’s default still yields to the entry’s own policy', () => {
    const question = { serviceDefault: 'static' as const, hubs: [hub('a')], registrationKey: 'x' };
    expect(allocate({ ...question, enrollment: anyHub })).toBeUndefined();
    expect(allocate({ ...question, enrollment: { ...anyHub, allocationPolicy: 'hashed' } })).toBe('a');
  });
});

it('obeys a pinned hub before any policy', () => {
  expect(ask([hub('a'), hub('b')], 'x', { iotHubHostName: 'b', iotHubs: ['a'] })).toBe('b');
  expect(ask([hub('a')], 'x', { iotHubHostName: 'b' })).toBeUndefined();
});
