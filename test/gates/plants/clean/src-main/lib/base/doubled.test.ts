import { expect, it } from 'vitest';
import { doubled } from './doubled.ts';

it('doubles', () => {
  expect(doubled(2)).toBe(4);
});
