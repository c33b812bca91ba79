import { describe, expect, it } from 'vitest';
import { manualClock } from './clock.ts';
import { createAttemptLimits, type AttemptEnd, type AttemptLimits } from './attempt-limits.ts';
import { networkOf } from './network.ts';

/** How many of so many attempts were let through. */
function attempts(limits: AttemptLimits, who: { source: string; id: string }, count: number, end: AttemptEnd): number {
  let passed = 0;
  for (let at = 0; at < count; at += 1) {
    const attempt = limits.begin(who);
    if (attempt.is === 'begun') attempt.end(end);
    passed += Number(attempt.is === 'begun');
  }
  return passed;
}

const nat = '198.51.100.7';

describe('wrong credentials', () => {
  it('are refused after thirty for one device from one source, with a time to wait', () => {
    const limits = createAttemptLimits(manualClock());
    expect(attempts(limits, { source: nat, id: 'press-17' }, 40, 'wrong')).toBe(30);
    expect(limits.begin({ source: nat, id: 'press-17' })).toEqual({ is: 'throttled', retryAfterS: 2 });
  });

  it('of one device hurt neither the devices beside it nor that device elsewhere', () => {
    const limits = createAttemptLimits(manualClock());
    attempts(limits, { source: nat, id: 'press-17' }, 40, 'wrong');
    expect(attempts(limits, { source: nat, id: 'press-18' }, 1, 'right')).toBe(1);
    expect(attempts(limits, { source: '198.51.100.8', id: 'press-17' }, 1, 'right')).toBe(1);
  });

  it('are let through again as time passes, one every two seconds', async () => {
    const clock = manualClock();
    const limits = createAttemptLimits(clock);
    attempts(limits, { source: nat, id: 'press-17' }, 40, 'wrong');
    await clock.advance(10_000);
    expect(attempts(limits, { source: nat, id: 'press-17' }, 40, 'wrong')).toBe(5);
  });

  it('under many ids are refused by their source, which a device proven before does not feel', () => {
    const limits = createAttemptLimits(manualClock());
    attempts(limits, { source: nat, id: 'proven' }, 1, 'right');
    let passed = 0;
    for (let at = 0; at < 1_500; at += 1) passed += attempts(limits, { source: nat, id: `guess-${at}` }, 1, 'wrong');
    expect(passed).toBe(1_000);
    expect(attempts(limits, { source: nat, id: 'proven' }, 50, 'right')).toBe(50);
    expect(attempts(limits, { source: '198.51.100.8', id: 'new' }, 1, 'right')).toBe(1);
  });

  it('in a flood of more ids than are counted push no proven device out, nor the counts of other sources', () => {
    const limits = createAttemptLimits(manualClock());
    attempts(limits, { source: nat, id: 'proven' }, 1, 'right');
    attempts(limits, { source: '198.51.100.8', id: 'guessed' }, 40, 'wrong');
    for (let at = 0; at < 25_000; at += 1) attempts(limits, { source: nat, id: `guess-${at}` }, 1, 'wrong');
    expect(attempts(limits, { source: nat, id: 'proven' }, 50, 'right')).toBe(50);
    expect(attempts(limits, { source: '198.51.100.8', id: 'guessed' }, 1, 'right')).toBe(0);
  });

  it('do not come of right ones, however many, nor of faults of our own', () => {
    const limits = createAttemptLimits(manualClock());
    expect(attempts(limits, { source: nat, id: 'a' }, 5_000, 'right')).toBe(5_000);
    expect(attempts(limits, { source: nat, id: 'b' }, 5_000, 'neither')).toBe(5_000);
  });

  it('count while they are under way, and challenges that nobody answers count for their device', () => {
    const limits = createAttemptLimits(manualClock());
    const open = Array.from({ length: 40 }, () => limits.begin({ source: nat, id: 'a' }));
    expect(open.filter((one) => one.is === 'begun')).toHaveLength(30);
    expect(attempts(limits, { source: nat, id: 'b' }, 40, 'challenge')).toBe(30);
  });

  it('from one IPv6 network are from one source', () => {
    expect(networkOf('2001:db8:1:2:a::9')).toBe('2001:db8:1:2::/64');
    expect(networkOf('2001:DB8:1:2::9')).toBe(networkOf('2001:db8:1:2:ffff:1:2:3'));
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
    expect(networkOf('127.0.0.1')).toBe('127.0.0.1');
  });
});
