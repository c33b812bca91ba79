/** What a doctor's looks at a line mean: pure, from what was heard to coded findings. */
import { type Fault, faultMaker } from '../../lib/base/fault.ts';
import { unreachable } from '../../lib/base/result.ts';
import type { LineTrial } from './line-probe.ts';

export const findingFault = faultMaker({
  'adapter-timer-slow': {
    say: 'The adapter keeps every answer back for up to {timerMs} ms (its latency timer).',
    hint: 'Let the station ask it for short waits.',
  },
  'adapter-timer-locked': {
    say: 'The latency timer of the adapter is {timerMs} ms, and this user may not set it.',
    hint: 'Add the udev rule: ACTION=="add", SUBSYSTEM=="usb-serial", DRIVER=="ftdi_sio", ATTR{latency_timer}="1"; then plug the adapter in again.',
  },
  'board-resets': {
    say: 'The unit restarts when its port is opened: it answered after {answeredMs} ms, behind {chatter} bytes of start-up text.',
    hint: 'Let the station hold DTR and RTS down for this slot.',
  },
  'board-resets-anyway': {
    say: 'The unit restarts when its port is opened, also with DTR and RTS held down.',
    hint: 'Part DTR and RTS from the reset line in the fixture, or leave it: a run waits up to 20 seconds for a unit to start.',
  },
  'baud-wrong': {
    say: 'The unit speaks at {found} baud; this slot is opened at {opened}.',
    hint: 'Let the station keep {found} baud for this slot.',
  },
  'baud-unknown': {
    say: 'What arrives is no text and no frame, at none of the usual speeds ({tried}).',
    hint: 'Look up the speed of the firmware, and check the ground between unit and adapter.',
  },
  'line-echoes': {
    say: 'What the station sends comes back to it ({ownFrames} of its own frames).',
    hint: 'Part transmit and receive: look for a bridge in the fixture, and switch the echo of the console or the device server off.',
  },
  'line-lossy': {
    say: '{missed} of {asked} echoes were lost.',
    hint: 'Check cable, ground and length of the line; try a lower speed.',
  },
  'unit-silent': {
    say: 'Nothing answers on this line.',
    hint: 'Check that the unit has power and its transmit and receive lines are not swapped; a unit that does not speak the bench link cannot be looked at so.',
  },
});

export interface Finding {
  readonly fault: Fault;
  readonly remedy?: string;
}

export const remedies = { shortWaits: 'short-waits', holdLines: 'hold-lines', baud: 'baud-' } as const;

export type Remedy =
  { readonly at: 'short-waits' } | { readonly at: 'hold-lines' } | { readonly at: 'baud'; readonly baudRate: number };

export function parseRemedy(text: string): Remedy | undefined {
  if (text === remedies.shortWaits || text === remedies.holdLines) return { at: text };
  const baudRate = /^baud-(\d{4,7})$/.exec(text)?.[1];
  return baudRate === undefined ? undefined : { at: 'baud', baudRate: Number(baudRate) };
}

/** FTDI's default; the beat that is looked for where the system does not tell the timer. */
const usualTimerMs = 16;
/** Up to here a timer costs less than the scheduling of this program. */
const shortTimerMs = 2;
/** Fewer answers could fall together by chance. */
const leastEchoes = 8;
/** Length of the mean of the phases: 1 for a beat without jitter, about 0.3 for twelve answers without one. */
const leastConcentration = 0.9;

/** Whether answers arrive in the beat of a timer, however long was waited before the question (Rayleigh's test). */
export function hasBeat(trial: Pick<LineTrial, 'echoes'>, periodMs: number): boolean {
  const { echoes } = trial;
  if (echoes.length < leastEchoes) return false;
  const angles = echoes.map(({ heardMs }) => (2 * Math.PI * (heardMs % periodMs)) / periodMs);
  const sum = (of: (angle: number) => number): number => angles.reduce((total, angle) => total + of(angle), 0);
  return Math.hypot(sum(Math.cos), sum(Math.sin)) / echoes.length >= leastConcentration;
}

/** A boot says some lines; a few bytes are the noise of plugging. */
const leastChatter = 24;
/** Nothing on a unit that runs takes so long to answer an echo. */
const leastBootMs = 800;

export function restarted(trial: LineTrial): boolean {
  if (trial.answeredMs === undefined) return false;
  return trial.chatter >= leastChatter || trial.answeredMs >= leastBootMs;
}

export interface Timer {
  /** As the system tells it; undefined where it tells none. */
  readonly timerMs: number | undefined;
  readonly isLocked: boolean;
}

export function timerFinding(trial: LineTrial, { timerMs, isLocked }: Timer): Finding | undefined {
  const isSlow = timerMs === undefined ? hasBeat(trial, usualTimerMs) : timerMs > shortTimerMs;
  if (!isSlow) return undefined;
  const shown = { timerMs: timerMs ?? usualTimerMs };
  return isLocked
    ? { fault: findingFault('adapter-timer-locked', shown) }
    : { fault: findingFault('adapter-timer-slow', shown), remedy: remedies.shortWaits };
}

export function lineFindings(trial: LineTrial): readonly Finding[] {
  const { ownFrames, missed, echoes } = trial;
  return [
    ...(ownFrames > 0 ? [{ fault: findingFault('line-echoes', { ownFrames }) }] : []),
    ...(missed > 0 ? [{ fault: findingFault('line-lossy', { missed, asked: missed + echoes.length }) }] : []),
  ];
}

/** @param held the same line opened with DTR and RTS held down; undefined where they were down already */
export function resetFinding(trial: LineTrial, held: LineTrial | undefined): Finding {
  const { chatter, answeredMs = 0 } = trial;
  if (held === undefined || restarted(held)) return { fault: findingFault('board-resets-anyway') };
  const facts = { chatter, answeredMs: Math.round(answeredMs) };
  return { fault: findingFault('board-resets', facts), remedy: remedies.holdLines };
}

/** Of the middle and of the longest round trip. */
export function roundTripsOf({ echoes }: LineTrial) {
  const times = echoes.map(({ sentMs, heardMs }) => heardMs - sentMs).sort((a, b) => a - b);
  const middle = times[Math.floor(times.length / 2)];
  const worst = times.at(-1);
  if (middle === undefined || worst === undefined) return undefined;
  const tenths = (ms: number): number => Math.round(ms * 10) / 10;
  return { count: times.length, medianMs: tenths(middle), worstMs: tenths(worst) };
}

export function remedyChange(remedy: Remedy): { baudRate?: number; linesDown?: true; lowLatency?: true } {
  switch (remedy.at) {
    case 'short-waits':
      return { lowLatency: true };
    case 'hold-lines':
      return { linesDown: true };
    case 'baud':
      return { baudRate: remedy.baudRate };
    default:
      return unreachable(remedy);
  }
}
