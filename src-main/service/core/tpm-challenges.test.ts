import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { createTpmChallenges } from './tpm-challenges.ts';

const challenge = (mark: number) => ({
  key: Uint8Array.of(mark),
  endorsementKey: Uint8Array.of(1),
  storageRootKey: Uint8Array.of(2),
});

it('holds the last four of a device, newest first', () => {
  const challenges = createTpmChallenges(manualClock());
  for (let mark = 1; mark <= 5; mark += 1) challenges.add('a', challenge(mark));
  expect(challenges.of('a').map((one) => one.key[0])).toEqual([5, 4, 3, 2]);
  expect(challenges.of('b')).toEqual([]);
});

it('forgets each after ten minutes', async () => {
  const clock = manualClock();
  const challenges = createTpmChallenges(clock);
  challenges.add('a', challenge(1));
  await clock.advance(599_999);
  expect(challenges.of('a')).toHaveLength(1);
  await clock.advance(1);
  expect(challenges.of('a')).toEqual([]);
});

it('never holds more than its bound, and drops the oldest', () => {
  const challenges = createTpmChallenges(manualClock());
  for (let at = 0; at < 2_600; at += 1) challenges.add(`unit-${at}`, challenge(1));
  expect(challenges.size).toBe(2_500);
  expect(challenges.of('unit-0')).toEqual([]);
  expect(challenges.of('unit-2599')).toHaveLength(1);
});
