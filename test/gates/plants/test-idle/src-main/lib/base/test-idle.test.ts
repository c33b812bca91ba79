import { it } from 'vitest';

it('asserts nothing', () => {
  [1].map((value) => value);
});
