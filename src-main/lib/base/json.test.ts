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

it('takes what an honest sender may have and refuses many times as much, wherever it stands', () => {
  const members = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
  for (const around of [(all: object) => all, (all: object) => ({ tpm: all }), (all: object) => [{ a: [all] }]]) {
    expect(parseJson(JSON.stringify(around(members(32_000))))).toBeDefined();
    expect(parseJson(JSON.stringify(around(members(38_000))))).toBeUndefined();
  }
  expect(parseJson(`[${'{},'.repeat(100_000)}{}]`)).toBeUndefined();
});
