import { expect, it } from 'vitest';

it('leaves a rejection behind', async () => {
  void Promise.reject(new Error('nobody sees this'));
  await new Promise((wake) => setTimeout(wake, 20));
  expect(1).toBe(1);
});
