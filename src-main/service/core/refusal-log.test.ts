import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/host.ts';
import { jsonLog } from '../../lib/base/log.ts';
import { failed, ok } from '../../lib/base/result.ts';
import { errorBodyOf } from './error-body.ts';
import { serviceFault } from './faults.ts';
import { createRefusalLog, withRefusalLog } from './refusal-log.ts';
import type { RegistrationDesk } from './registration-desk.ts';

function bench() {
  const clock = manualClock();
  const lines: Record<string, unknown>[] = [];
  const log = jsonLog(
    (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    () => 'now',
  );
  let ids = 0;
  const random = { ...systemRandom, uuid: () => `id-${(ids += 1)}` };
  const refusals = createRefusalLog({ clock, random, log });
  const firsts = () => lines.filter(({ event }) => event === 'device-refused');
  return { clock, random, lines, firsts, refusals };
}

const wrong = serviceFault('unauthorized', { reason: 'Unauthorized', why: 'wrong-signature' });
const throttled = serviceFault('throttled', { retryAfterS: 2 });
const device = (registrationId: string, source = '198.51.100.7') => ({ registrationId, source });

describe('a refused device', () => {
  it('is told of with its id, where it came from, the code, what is said to it and which check failed', () => {
    const { lines, refusals } = bench();
    refusals.refused(device('press-17'), wrong);
    const facts = { registrationId: 'press-17', source: '198.51.100.7', code: 'unauthorized', reason: 'Unauthorized' };
    const inner = { trackingId: 'id-1', why: 'wrong-signature' };
    expect(lines).toEqual([{ time: 'now', level: 'warn', event: 'device-refused', ...facts, ...inner }]);
  });

  it('is told of once for each reason, in any spelling, until it was right', () => {
    const { firsts, refusals } = bench();
    for (let at = 0; at < 50; at += 1) {
      refusals.refused(device(at % 2 === 0 ? 'press-17' : 'PRESS-17'), at < 30 || at === 40 ? wrong : throttled);
    }
    expect(firsts().map((line) => line['code'])).toEqual(['unauthorized', 'throttled']);
    refusals.refused(device('press-17', '198.51.100.8'), wrong);
    refusals.right(device('press-17'));
    refusals.refused(device('press-17'), wrong);
    expect(firsts()).toHaveLength(4);
    // another check fails now
    refusals.refused(device('press-17'), serviceFault('unauthorized', { reason: 'x', why: 'token-expired' }));
    expect(firsts()).toHaveLength(5);
  });

  it('has the tracking id of its answer in the log, when it repeats itself too', () => {
    const { random, lines, clock, refusals } = bench();
    const answers = [1, 2, 3].map(() => refusals.refused(device('press-17'), wrong));
    const shown = answers.map((fault) => errorBodyOf({ clock, random, calls: refusals }, fault).json['trackingId']);
    expect(lines.map((line) => line['trackingId'])).toEqual(shown);
    expect(lines.map(({ event }) => event)).toEqual(['device-refused', 'device-refused-again', 'device-refused-again']);
  });

  it('among a flood of invented ids costs one line once its source is throttled, and its repetitions no more than 200 at once', () => {
    const { firsts, lines, refusals } = bench();
    for (let at = 0; at < 5_000; at += 1) refusals.refused(device(`id-${at}`), throttled);
    expect(firsts()).toHaveLength(1);
    expect(lines).toHaveLength(201);
  });

  it('is counted where a flood has used up its lines, and the next line says how many were not said', async () => {
    const { clock, lines, refusals } = bench();
    for (let at = 0; at < 5_000; at += 1) refusals.refused(device(`id-${at}`), wrong);
    expect(lines).toHaveLength(200);
    await clock.advance(1_000);
    refusals.refused(device('press-17'), wrong);
    expect(lines[200]).toMatchObject({ registrationId: 'press-17', unsaid: 4_800 });
  });
});

it('the desk tells of every refusal, whichever way a device asks, and forgets it by what is right alone', async () => {
  const { firsts, refusals } = bench();
  const claim = { ...device('press-17'), idScope: 's', body: {}, authorization: undefined, certificates: [] };
  const whole = { ...claim, apiVersion: undefined };
  let isRight = false;
  const answer = () => Promise.resolve(isRight ? ok({ is: 'admitted' } as const) : failed(wrong));
  const challenged = () => Promise.resolve(ok({ is: 'challenge', authenticationKey: 'k' } as const));
  const desk = { admit: answer, register: challenged, poll: answer, lookUp: answer } as unknown as RegistrationDesk;
  const telling = withRefusalLog(desk, refusals);
  await telling.lookUp(whole);
  await telling.poll(whole, 'operation');
  // a TPM that was challenged has proven nothing
  await telling.register(whole);
  expect(await telling.admit(whole)).toMatchObject({ ok: false, fault: { code: 'unauthorized' } });
  expect(firsts()).toHaveLength(1);
  isRight = true;
  await telling.admit(whole);
  isRight = false;
  await telling.lookUp(whole);
  expect(firsts()).toHaveLength(2);
});

describe('a call that fails by our own fault', () => {
  const broken = serviceFault('store-failed', { reason: 'The disk is full: /var/lib/benchline/service.sqlite' });

  it('is an error in the log with the whole reason, and tells nothing of this machine outside', () => {
    const { random, lines, clock, refusals } = bench();
    const parts = { clock, random, calls: refusals };
    const device17 = errorBodyOf(parts, refusals.refused(device('press-17'), broken));
    const owners = errorBodyOf(parts, broken);
    for (const { json, status } of [device17, owners]) {
      expect(status).toBe(503);
      expect(json['message']).toBe('The service cannot keep its records.');
    }
    expect(lines).toMatchObject([
      { level: 'error', event: 'call-failed', registrationId: 'press-17', code: 'store-failed' },
      { level: 'error', event: 'call-failed', errorCode: 503_001 },
    ]);
    expect(lines.map(({ trackingId }) => trackingId)).toEqual([device17.trackingId, owners.trackingId]);
    expect(lines.every(({ reason }) => String(reason).includes('service.sqlite'))).toBe(true);
  });

  it('is told of beside a flood of wrong credentials, and is bounded itself', () => {
    const { lines, refusals } = bench();
    for (let at = 0; at < 5_000; at += 1) refusals.refused(device(`id-${at}`), wrong);
    for (let at = 0; at < 5_000; at += 1) refusals.refused(device(`id-${at}`), broken);
    expect(lines.filter(({ event }) => event === 'call-failed')).toHaveLength(200);
  });
});
