import { expect, it } from 'vitest';

it('prints', () => {
  expect(1).toBe(1);
  console.log('here');
});
