import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { createBudget } from './budget.ts';

const never = new AbortController().signal;

describe('a budget', () => {
  it('never lets a minute hold more than what is allowed', async () => {
    const asks = fc.array(fc.record({ operations: fc.integer({ min: 1, max: 10 }), waitMs: fc.nat(2_000) }), {
      minLength: 50,
      maxLength: 300,
    });
    await fc.assert(
      fc.asyncProperty(asks, async (planned) => {
        const clock = manualClock();
        const budget = createBudget(clock, 100);
        const spent: { atMs: number; operations: number }[] = [];
        for (const { operations, waitMs } of planned) {
          void budget.spend(operations, never).then(() => spent.push({ atMs: clock.monotonicMs(), operations }));
          if (waitMs > 1_500) await clock.advance(waitMs);
        }
        await clock.advance(3_600_000);
        expect(spent).toHaveLength(planned.length);
        for (const { atMs } of spent) {
          const within = spent.filter((other) => other.atMs >= atMs && other.atMs < atMs + 60_000);
          expect(within.reduce((sum, other) => sum + other.operations, 0)).toBeLessThanOrEqual(101);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('serves those who wait in their order, and gives away only what they do not need', async () => {
    const clock = manualClock();
    const budget = createBudget(clock, 100);
    const order: string[] = [];
    expect(budget.spendSpare(5)).toBe(true);
    expect(budget.spendSpare(1)).toBe(false);
    void budget.spend(10, never).then(() => order.push('bulk'));
    void budget.spend(1, never).then(() => order.push('one'));
    await clock.advance(0);
    expect(budget.spendSpare(1)).toBe(false);
    await clock.advance(60_000);
    expect(order).toEqual(['bulk', 'one']);
    expect(budget.spendSpare(1)).toBe(true);
  });

  it('lets go of a caller that stops', async () => {
    const clock = manualClock();
    const budget = createBudget(clock, 10);
    const stopping = new AbortController();
    await budget.spend(10, never);
    const waiting = budget.spend(10, stopping.signal);
    await clock.advance(1);
    stopping.abort();
    await expect(waiting).resolves.toBeUndefined();
  });
});
