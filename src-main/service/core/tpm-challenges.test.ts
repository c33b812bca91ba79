import { expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { createTpmChallenges, type TpmAsker, type TpmChallenge, type TpmChallenges } from './tpm-challenges.ts';

const secret = new Uint8Array(32).fill(7);
const open = (clock = manualClock()) => createTpmChallenges({ clock, secret });
const asker = (more: Partial<TpmAsker> = {}): TpmAsker => ({
  registrationKey: 'press-17',
  source: '198.51.100.7',
  endorsementKey: Uint8Array.of(1),
  ...more,
});
const srk = (mark: number) => Uint8Array.of(2, mark);
const keysOf = (found: readonly TpmChallenge[]) => found.map(({ key }) => Buffer.from(key).toString('hex'));
const holds = (found: Iterable<TpmChallenge>, one: TpmChallenge) => keysOf([...found]).includes(keysOf([one])[0] ?? '');
/** Asks for a challenge that is kept. */
const issue = (challenges: TpmChallenges, by: TpmAsker, storageRootKey: Uint8Array): TpmChallenge => {
  const issued = challenges.issue(by, storageRootKey);
  challenges.keep(by, issued);
  return issued;
};

it('makes a key that is different for each device, each pair of keys, each minute and each service', async () => {
  const clock = manualClock();
  const challenges = open(clock);
  const made = [
    challenges.issue(asker(), srk(1)),
    challenges.issue(asker(), srk(2)),
    challenges.issue(asker({ registrationKey: 'press-18' }), srk(1)),
    challenges.issue(asker({ endorsementKey: Uint8Array.of(1, 2) }), Uint8Array.of(1)),
    createTpmChallenges({ clock, secret: new Uint8Array(32).fill(8) }).issue(asker(), srk(1)),
  ];
  await clock.advance(60_000);
  made.push(challenges.issue(asker(), srk(1)));
  expect(new Set(keysOf(made)).size).toBe(made.length);
  expect(made.every(({ key }) => key.length === 32)).toBe(true);
});

it('knows a challenge for ten minutes, at another start too, and for an hour as one that comes late', async () => {
  const clock = manualClock();
  const issued = open(clock).issue(asker(), srk(1));
  await clock.advance(10 * 60_000);
  const restarted = open(clock);
  expect(holds(restarted.of(asker(), srk(1)), issued)).toBe(true);
  expect(holds(restarted.late(asker(), srk(1)), issued)).toBe(false);
  await clock.advance(60_000);
  expect(holds(restarted.of(asker(), srk(1)), issued)).toBe(false);
  expect(holds(restarted.late(asker(), srk(1)), issued)).toBe(true);
  await clock.advance(60 * 60_000);
  expect(holds(restarted.late(asker(), srk(1)), issued)).toBe(false);
});

it('keeps what a device showed that does not repeat it, whoever asks from elsewhere', () => {
  const challenges = open();
  const issued = issue(challenges, asker(), srk(0));
  for (let at = 1; at <= 100; at += 1) issue(challenges, asker({ source: `203.0.113.${at % 10}` }), srk(at));
  expect(holds(challenges.of(asker(), undefined), issued)).toBe(true);
  // four a source, and what is asked again is kept once
  expect(challenges.size).toBe(1 + 10 * 4);
  issue(challenges, asker(), srk(0));
  expect(challenges.size).toBe(1 + 10 * 4);
  expect([...challenges.of(asker({ registrationKey: 'press-18' }), undefined)]).toEqual([]);
});

it('forgets after ten minutes what was shown', async () => {
  const clock = manualClock();
  const challenges = open(clock);
  issue(challenges, asker(), srk(1));
  await clock.advance(10 * 60_000);
  expect([...challenges.of(asker(), undefined)]).toHaveLength(1);
  await clock.advance(60_000);
  expect([...challenges.of(asker(), undefined)]).toEqual([]);
});

it('drops what can be answered no more as soon as another device asks', async () => {
  const clock = manualClock();
  const challenges = open(clock);
  for (let at = 0; at < 4; at += 1) issue(challenges, asker(), srk(at));
  issue(challenges, asker({ registrationKey: 'press-18' }), srk(1));
  await clock.advance(10 * 60_000);
  issue(challenges, asker(), srk(0));
  expect(challenges.size).toBe(4 + 1);
  await clock.advance(60_000);
  issue(challenges, asker({ registrationKey: 'press-19' }), srk(1));
  expect([...challenges.of(asker(), undefined)]).toHaveLength(1);
  issue(challenges, asker(), srk(0));
  expect(challenges.size).toBe(3);
});

it('keeps nothing of a challenge that is issued alone', () => {
  const challenges = open();
  const issued = challenges.issue(asker(), srk(1));
  expect(challenges.size).toBe(0);
  expect(holds(challenges.of(asker(), srk(1)), issued)).toBe(true);
});

it('makes no more keys than are looked at', () => {
  const challenges = open();
  const issued = challenges.issue(asker(), srk(1));
  const [first, ...others] = challenges.of(asker(), srk(1));
  expect(keysOf(first ? [first] : [])).toEqual(keysOf([issued]));
  expect(others).toHaveLength(10);
  expect([...challenges.late(asker(), srk(1))]).toHaveLength(60);
});

it('never keeps more than its bounds, and lets the oldest go', () => {
  const challenges = open();
  for (let at = 0; at < 100; at += 1) issue(challenges, asker({ source: `203.0.113.${at}` }), srk(1));
  expect([...challenges.of(asker(), undefined)]).toHaveLength(64);
  for (let at = 0; at < 10_000; at += 1) issue(challenges, asker({ registrationKey: `unit-${at}` }), srk(1));
  expect(challenges.size).toBe(10_000);
  expect([...challenges.of(asker(), undefined)]).toEqual([]);
  expect([...challenges.of(asker({ registrationKey: 'unit-9999' }), undefined)]).toHaveLength(1);
});
