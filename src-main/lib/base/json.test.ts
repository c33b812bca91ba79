import { expect, it } from 'vitest';
import { parseJson } from './json.ts';

it('gives what the text says, null and all', () => {
  for (const value of [null, 0, '', [], { a: [{ b: null }] }])
    expect(parseJson(JSON.stringify(value))).toEqual({ value });
});

it('refuses what is no JSON', () => {
  for (const text of ['', ' ', '{', '{}{}', 'undefined', "{'a':1}"]) expect(parseJson(text)).toBeUndefined();
});

it('takes 64 levels and refuses the next, however many there are', () => {
  const lists = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  expect(parseJson(lists(64))).toBeDefined();
  expect(parseJson(lists(66))).toBeUndefined();
  expect(parseJson(lists(1_000_000))).toBeUndefined();
});
