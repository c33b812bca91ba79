import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { jsonLog } from '../../lib/base/log.ts';
import { failed, ok } from '../../lib/base/result.ts';
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
  return { clock, lines, refusals: createRefusalLog({ clock, log }) };
}

const wrong = serviceFault('unauthorized', { reason: 'Unauthorized' });
const throttled = serviceFault('throttled', { retryAfterS: 2 });
const device = (registrationId: string, source = '198.51.100.7') => ({ registrationId, source });

describe('a refused device', () => {
  it('is told of with its id, where it came from, the code and the reason', () => {
    const { lines, refusals } = bench();
    refusals.refused(device('press-17'), wrong);
    const facts = { registrationId: 'press-17', source: '198.51.100.7', code: 'unauthorized', reason: 'Unauthorized' };
    expect(lines).toEqual([{ time: 'now', level: 'warn', event: 'device-refused', ...facts }]);
  });

  it('is told of once for each reason, in any spelling, until it was right', () => {
    const { lines, refusals } = bench();
    for (let at = 0; at < 50; at += 1) {
      refusals.refused(device(at % 2 === 0 ? 'press-17' : 'PRESS-17'), at < 30 || at === 40 ? wrong : throttled);
    }
    expect(lines.map((line) => line['code'])).toEqual(['unauthorized', 'throttled']);
    refusals.refused(device('press-17', '198.51.100.8'), wrong);
    refusals.right(device('press-17'));
    refusals.refused(device('press-17'), wrong);
    expect(lines).toHaveLength(4);
  });

  it('among a flood of invented ids costs no line once its source is throttled', () => {
    const { lines, refusals } = bench();
    for (let at = 0; at < 5_000; at += 1) refusals.refused(device(`id-${at}`), throttled);
    expect(lines).toHaveLength(1);
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
  const { lines, refusals } = bench();
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
  expect(await telling.admit(whole)).toEqual(failed(wrong));
  expect(lines).toHaveLength(1);
  isRight = true;
  await telling.admit(whole);
  isRight = false;
  await telling.lookUp(whole);
  expect(lines).toHaveLength(2);
});
