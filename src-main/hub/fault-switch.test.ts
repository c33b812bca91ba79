import { describe, expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { createFaultSwitch, faultWishOf, faultWishOfText } from './fault-switch.ts';

describe('the fault switch', () => {
  it('strikes until its time is over, and counts', async () => {
    const clock = manualClock();
    const faults = createFaultSwitch(clock, () => undefined);
    expect(await faults.strike()).toEqual({ is: 'none' });
    faults.set({ is: 'throttled', retryAfterS: 5 }, 10);
    expect(await faults.strike()).toEqual({ is: 'throttled', retryAfterS: 5 });
    await clock.advance(9_001);
    expect(faults.view()).toEqual({ is: 'throttled', retryAfterSeconds: 5, leftSeconds: 1, struck: 1 });
    await clock.advance(999);
    expect(await faults.strike()).toEqual({ is: 'none' });
    expect(faults.view()).toEqual({ is: 'none', struck: 1 });
  });

  it('holds back by the delay, and no more than a thousand at once', async () => {
    const clock = manualClock();
    const faults = createFaultSwitch(clock, () => undefined);
    faults.set({ is: 'slow', delayMs: 2_000 }, 60);
    let answered = 0;
    const strikes = Array.from({ length: 1_001 }, () => faults.strike().then(() => (answered += 1)));
    await clock.advance(1_999);
    expect(answered).toBe(1);
    await clock.advance(1);
    await Promise.all(strikes);
    expect(answered).toBe(1_001);
    const held = faults.strike();
    faults.clear();
    expect(await held).toEqual({ is: 'none' });
    expect(clock.pending).toBe(0);
  });

  it('says when the hub goes down, and is cleared at once', async () => {
    let downs = 0;
    const faults = createFaultSwitch(manualClock(), () => (downs += 1));
    faults.set({ is: 'refusing' }, 60);
    faults.set({ is: 'down' }, 60);
    expect(downs).toBe(1);
    expect(faults.endsConnection()).toBe(true);
    expect(await faults.strike()).toEqual({ is: 'down' });
    faults.clear();
    expect(await faults.strike()).toEqual({ is: 'none' });
  });

  it.each([
    ['slow', { fault: { is: 'slow', delayMs: 2_000 }, forS: 600 }],
    ['slow:50', { fault: { is: 'slow', delayMs: 50 }, forS: 600 }],
    ['throttled:7', { fault: { is: 'throttled', retryAfterS: 7 }, forS: 600 }],
    ['refusing', { fault: { is: 'refusing' }, forS: 600 }],
    ['down', { fault: { is: 'down' }, forS: 600 }],
  ])('reads %s', (text, value) => {
    expect(faultWishOfText(text)).toEqual({ ok: true, value });
  });

  it.each(['', 'sleepy', 'slow:', 'slow:0', 'slow:60001', 'slow:1:2', 'throttled:3601', 'throttled:x'])(
    'refuses %j',
    (text) => {
      expect(faultWishOfText(text)).toMatchObject({ fault: { code: 'ArgumentInvalid' } });
    },
  );

  it.each([
    [undefined],
    [{ is: 'slow', delayMs: 1.5 }],
    [{ is: 'slow', delayMs: '5' }],
    [{ is: 'down', forSeconds: 86_401 }],
    [{ is: 'down', forSeconds: 0 }],
    [{ is: 'throttled', retryAfterSeconds: -1 }],
  ])('refuses the wish %j', (body) => {
    expect(faultWishOf(body)).toMatchObject({ fault: { code: 'ArgumentInvalid' } });
  });

  it('reads the wish of a service', () => {
    const value = { fault: { is: 'throttled', retryAfterS: 1 }, forS: 3 };
    expect(faultWishOf({ is: 'throttled', retryAfterSeconds: 1, forSeconds: 3 })).toEqual({ ok: true, value });
  });
});
