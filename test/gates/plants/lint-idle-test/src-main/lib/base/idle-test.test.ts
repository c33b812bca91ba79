import { it } from 'vitest';

it('does nothing', () => {
  [1].map((value) => value);
});
