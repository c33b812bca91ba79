import { describe, expect, it } from 'vitest';
import { columnsFor } from './columns.ts';

describe('the columns of the bench', () => {
  it.each([
    [1, 1_150, 640, 1],
    [4, 1_150, 640, 2],
    [9, 1_790, 900, 3],
    [16, 1_150, 640, 4],
    [16, 1_790, 900, 4],
    [2, 1_150, 640, 2],
    [8, 1_150, 640, 4],
  ])('put %i cards on %i x %i in %i columns', (count, width, height, columns) => {
    expect(columnsFor(count, width, height)).toBe(columns);
  });

  it('go down rather than across in a tall place', () => {
    expect(columnsFor(4, 400, 1_200)).toBe(1);
  });

  it('stay sensible before the place has been measured', () => {
    expect(columnsFor(16, 0, 0)).toBe(4);
    expect(columnsFor(0, 0, 0)).toBe(1);
  });
});
