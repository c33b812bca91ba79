import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';
import { manualClock, sleep } from './clock.ts';
import { createLane } from './lane.ts';

describe('manualClock', () => {
  it('fires what falls due in order and leaves the rest', async () => {
    const clock = manualClock(1_000);
    const fired: string[] = [];
    clock.after(20, () => fired.push('b'));
    clock.after(10, () => fired.push('a'));
    clock.after(21, () => fired.push('c'));
    await clock.advance(20);
    expect(fired).toEqual(['a', 'b']);
    expect(clock.nowMs()).toBe(1_020);
    expect(clock.pending).toBe(1);
  });

  it('keeps the monotonic clock when the wall clock is set', async () => {
    const clock = manualClock(5_000);
    await clock.advance(10);
    clock.setNow(1);
    expect(clock.nowMs()).toBe(1);
    expect(clock.monotonicMs()).toBe(10);
  });
});

describe('sleep', () => {
  it('ends early when it is cancelled and leaves no timer', async () => {
    const clock = manualClock();
    const stop = new AbortController();
    const slept = sleep(clock, 60_000, stop.signal);
    stop.abort();
    await slept;
    expect(clock.pending).toBe(0);
  });
});

describe('backoffMs', () => {
  it('doubles between a half and the whole of its step, up to the limit', () => {
    const limits = { firstMs: 100, maxMs: 1_000 };
    expect(backoffMs(1, 0, limits)).toBe(50);
    expect(backoffMs(3, 0.5, limits)).toBe(300);
    expect(backoffMs(99, 0, limits)).toBe(500);
  });
});

describe('createLane', () => {
  it('runs one task at a time, goes on after a failure, and refuses past its bound', async () => {
    const lane = createLane(2);
    const steps: string[] = [];
    const first = lane.run(async () => {
      steps.push('first');
      await Promise.resolve();
      throw new Error('first failed');
    });
    const second = lane.run(async () => steps.push('second'));
    expect(lane.run(async () => steps.push('third'))).toBeUndefined();
    await expect(first).rejects.toThrow('first failed');
    await second;
    expect(steps).toEqual(['first', 'second']);
    expect(lane.waiting).toBe(0);
  });
});
