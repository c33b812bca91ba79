import { describe, expect, it } from 'vitest';
import { hasBeat, parseRemedy, resetFinding, restarted, roundTripsOf, timerFinding } from './diagnosis.ts';
import type { LineTrial } from './line-probe.ts';

const trial = (more: Partial<LineTrial> = {}): LineTrial => ({
  ...{ answeredMs: 5, echoes: [], missed: 0, ownFrames: 0, chatter: 0, garbage: 0 },
  ...more,
});
const pauses = [0, 3, 7, 11, 5, 13, 2, 9, 6, 14, 1, 10];

/** Twelve echoes: each answer takes `workMs`, then waits for the next beat, and comes up to `jitterMs` late. */
function echoesOf(workMs: number, beatMs: number | undefined, jitterMs: number) {
  let nowMs = 3.7;
  return pauses.map((pauseMs, at) => {
    const sentMs = nowMs + pauseMs;
    const readyMs = sentMs + workMs;
    const givenMs = beatMs === undefined ? readyMs : Math.ceil(readyMs / beatMs) * beatMs;
    nowMs = givenMs + (((at * 7) % 10) / 10) * jitterMs;
    return { sentMs, heardMs: nowMs };
  });
}

describe('the beat of a latency timer', () => {
  it.each([1, 4, 9, 20, 60])('shows in answers that take %i ms, also when this program is late by 2 ms', (workMs) => {
    expect(hasBeat(trial({ echoes: echoesOf(workMs, 16, 2) }), 16)).toBe(true);
  });

  it.each([1, 4, 8, 16, 20, 32, 60])('is not seen where a unit takes %i ms for each answer', (workMs) => {
    expect(hasBeat(trial({ echoes: echoesOf(workMs, undefined, 0.5) }), 16)).toBe(false);
  });

  it('is not claimed from a few answers', () => {
    expect(hasBeat(trial({ echoes: echoesOf(4, 16, 0).slice(0, 7) }), 16)).toBe(false);
  });
});

describe('what a look means', () => {
  it('goes by the timer that the system tells, and asks a person where this user may not set it', () => {
    const steady = trial({ echoes: echoesOf(4, 16, 0) });
    expect(timerFinding(steady, { timerMs: 1, isLocked: false })).toBeUndefined();
    expect(timerFinding(trial(), { timerMs: 16, isLocked: false })).toMatchObject({ remedy: 'short-waits' });
    const locked = timerFinding(trial(), { timerMs: 16, isLocked: true });
    expect(locked).toMatchObject({ fault: { code: 'adapter-timer-locked' } });
    expect(locked?.remedy).toBeUndefined();
    expect(timerFinding(steady, { timerMs: undefined, isLocked: false })?.fault.code).toBe('adapter-timer-slow');
  });

  it('takes start-up text or a long silence for a restart, and a few bytes for none', () => {
    expect(restarted(trial({ chatter: 60 }))).toBe(true);
    expect(restarted(trial({ answeredMs: 1_500 }))).toBe(true);
    expect(restarted(trial({ chatter: 3, answeredMs: 40 }))).toBe(false);
    const { answeredMs: _none, ...silent } = trial({ chatter: 60 });
    expect(restarted(silent)).toBe(false);
    expect(resetFinding(trial({ chatter: 60 }), undefined).fault.code).toBe('board-resets-anyway');
  });

  it('tells the middle and the longest round trip, and none without an echo', () => {
    const echoes = [4, 30, 5].map((ms) => ({ sentMs: 100, heardMs: 100 + ms }));
    expect(roundTripsOf(trial({ echoes }))).toEqual({ count: 3, medianMs: 5, worstMs: 30 });
    expect(roundTripsOf(trial())).toBeUndefined();
  });

  it('reads the remedies it proposes, and nothing else', () => {
    expect(['short-waits', 'hold-lines', 'baud-9600'].map((text) => parseRemedy(text)?.at)).toEqual([
      'short-waits',
      'hold-lines',
      'baud',
    ]);
    expect(['', 'baud-', 'baud-1', 'baud-99999999', 'hold'].map(parseRemedy)).toEqual(Array(5).fill(undefined));
  });
});
