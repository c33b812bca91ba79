import { expect, it } from 'vitest';
import { decodedOnce } from './percent.ts';

it.each([
  ['press-17', 'press-17'],
  ['a%2Fb%2fc', 'a/b/c'],
  ['%2525', '%25'],
  ['%E2%82%AC+', '€+'],
  ['', ''],
  ['100%', undefined],
  ['%zz', undefined],
  ['%E2%82', undefined],
  [undefined, undefined],
])('%j is decoded once to %j', (text, decoded) => {
  expect(decodedOnce(text)).toBe(decoded);
});
