import { describe, expect, it } from 'vitest';
import { must } from '../lib/base/result.ts';
import type { JsonObject } from './json.ts';
import { changeTwin, deviceView, newTwin, serviceView, type Twin } from './twin.ts';

const start = newTwin('2027-01-01T00:00:00.000Z');
const later = '2027-01-02T00:00:00.000Z';

function patched(
  twin: Twin,
  part: 'desired' | 'reported',
  values: JsonObject,
  how: 'merge' | 'replace' = 'merge',
): Twin {
  return must(changeTwin(twin, [{ part, values, how }], later));
}

describe('a twin', () => {
  it('begins at version 1 with empty parts', () => {
    expect(deviceView(start)).toEqual({ desired: { $version: 1 }, reported: { $version: 1 } });
  });

  it('merges a patch, deletes by null, replaces arrays, and counts', () => {
    const one = patched(start, 'desired', { a: { x: 1, y: 2 }, list: [1, 2] });
    const two = patched(one, 'desired', { a: { x: null, z: 3 }, list: [9] });
    expect(two.desired.values).toEqual({ a: { y: 2, z: 3 }, list: [9] });
    expect([two.desired.version, two.reported.version, two.version]).toEqual([3, 1, 3]);
  });

  it('replaces a whole part when asked to', () => {
    const one = patched(start, 'desired', { a: 1 });
    expect(patched(one, 'desired', { b: 2 }, 'replace').desired.values).toEqual({ b: 2 });
  });

  it('stamps what a patch touched, at every level, and nothing else', () => {
    const one = patched(start, 'desired', { a: { x: 1 } });
    const view = serviceView(one.desired);
    expect(view['$metadata']).toEqual({
      $lastUpdated: later,
      $lastUpdatedVersion: 2,
      a: { $lastUpdated: later, $lastUpdatedVersion: 2, x: { $lastUpdated: later, $lastUpdatedVersion: 2 } },
    });
  });

  it('passes over the members that are its own', () => {
    expect(patched(start, 'reported', { $version: 77, $metadata: {}, a: 1 }).reported.values).toEqual({ a: 1 });
  });

  it('keeps a member named __proto__ as a member', () => {
    const patch = JSON.parse('{"__proto__":{"admin":true}}') as JsonObject;
    const twin = patched(start, 'desired', patch);
    expect(JSON.stringify(twin.desired.values)).toBe('{"__proto__":{"admin":true}}');
    expect(Object.getPrototypeOf(twin.desired.values)).toBe(Object.prototype);
  });

  it.each([
    ['a dot in a name', { 'a.b': 1 }],
    ['a dollar sign below the top', { a: { $b: 1 } }],
    ['a space in a name', { 'a b': 1 }],
    ['an empty name', { '': 1 }],
    ['too many levels', JSON.parse('{"a":'.repeat(12) + '1' + '}'.repeat(12)) as JsonObject],
    ['more than 32 kB', { a: 'x'.repeat(33_000) }],
  ])('refuses %s and stays as it was', (_why, values) => {
    const result = changeTwin(start, [{ part: 'desired', values, how: 'merge' }], later);
    expect(result).toMatchObject({ ok: false, fault: { code: 'ArgumentInvalid' } });
    expect(start.desired.values).toEqual({});
  });
});
