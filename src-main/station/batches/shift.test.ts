import { describe, expect, it } from 'vitest';
import { sampleDue, shiftSinceMs } from './shift.ts';

const hourMs = 3_600_000;

describe('a shift of a batch', () => {
  it('begins when the batch is opened, and not with what was checked for another one', () => {
    expect(shiftSinceMs({ nowMs: 9 * hourMs, batchOpenedMs: 8 * hourMs, operatorSinceMs: hourMs })).toBe(8 * hourMs);
    expect(shiftSinceMs({ nowMs: 9 * hourMs, batchOpenedMs: 8 * hourMs, operatorSinceMs: undefined })).toBe(8 * hourMs);
  });

  it('begins again when another operator takes over', () => {
    expect(shiftSinceMs({ nowMs: 9 * hourMs, batchOpenedMs: hourMs, operatorSinceMs: 8 * hourMs })).toBe(8 * hourMs);
  });

  it('lasts twelve hours at the most', () => {
    const facts = { batchOpenedMs: hourMs, operatorSinceMs: 2 * hourMs };
    expect(shiftSinceMs({ ...facts, nowMs: 14 * hourMs })).toBe(2 * hourMs);
    expect(shiftSinceMs({ ...facts, nowMs: 14 * hourMs + 1 })).toBe(2 * hourMs + 1);
  });
});

it.each([
  [false, false, 'pass'],
  [true, false, 'fail'],
  [false, true, 'pass'],
  [true, true, undefined],
] as const)('with good one checked %s and bad one checked %s, due is %s', (passDone, failDone, due) => {
  expect(sampleDue({ passDone, failDone })).toBe(due);
});
