import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { createHeldBack } from './held-back.ts';

const random = { fraction: () => 0 } as unknown as Random;

it('waits longer after each failure, as long as it is at work between them, and not at all once it is kept', async () => {
  const clock = manualClock();
  const held = createHeldBack(clock, random);
  const waited: number[] = [];
  for (let failure = 0; failure < 8; failure += 1) {
    held.failed('dev');
    const fromMs = clock.monotonicMs();
    while (held.waits('dev')) await clock.advance(125);
    waited.push(clock.monotonicMs() - fromMs);
    held.drop((key) => key === 'dev');
  }
  expect(waited).toEqual([125, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  held.failed('dev');
  held.kept('dev');
  expect([held.waits('dev'), held.size]).toEqual([false, 0]);
});

it('keeps nothing of those whose wait is over and who did not come back', async () => {
  const clock = manualClock();
  const held = createHeldBack(clock, random);
  for (let at = 0; at < 1_000; at += 1) held.failed(`dev-${at}`);
  held.drop(() => false);
  expect(held.size).toBe(1_000);
  await clock.advance(125);
  held.failed('late');
  held.drop(() => false);
  expect([held.size, held.waits('late')]).toEqual([1, true]);
});
