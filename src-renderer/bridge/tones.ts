/** Three short tones, one a verdict, told apart by pitch and by rhythm: up, down, and three times the same. */
import type { Verdict } from '../../src-main/contract/views.ts';

interface Note {
  readonly hertz: number;
  readonly atMs: number;
  readonly lengthMs: number;
}

const melodies: Readonly<Record<Verdict, readonly Note[]>> = {
  pass: [
    { hertz: 660, atMs: 0, lengthMs: 90 },
    { hertz: 990, atMs: 100, lengthMs: 160 },
  ],
  fail: [
    { hertz: 392, atMs: 0, lengthMs: 160 },
    { hertz: 233, atMs: 180, lengthMs: 300 },
  ],
  error: [
    { hertz: 523, atMs: 0, lengthMs: 80 },
    { hertz: 523, atMs: 140, lengthMs: 80 },
    { hertz: 523, atMs: 280, lengthMs: 80 },
  ],
};

export interface Tones {
  /** Volume from 0 to 1; nothing sounds at 0. */
  play(verdict: Verdict, volume: number): void;
}

const rampSeconds = 0.008; // without it a tone starts and ends with a click

export function createTones(makeContext: () => AudioContext = () => new AudioContext()): Tones {
  let context: AudioContext | undefined;
  return {
    play(verdict, volume) {
      if (volume <= 0) return;
      context ??= makeContext();
      // A page may not sound before its first key or touch; then the sight has to do.
      void context.resume().catch(() => undefined);
      for (const note of melodies[verdict]) sound(context, note, volume);
    },
  };
}

function sound(context: AudioContext, note: Note, volume: number): void {
  const startAt = context.currentTime + note.atMs / 1_000;
  const endAt = startAt + note.lengthMs / 1_000;
  const tone = context.createOscillator();
  const gain = context.createGain();
  tone.type = 'triangle';
  tone.frequency.value = note.hertz;
  gain.gain.setValueAtTime(0, startAt);
  gain.gain.linearRampToValueAtTime(volume, startAt + rampSeconds);
  gain.gain.setValueAtTime(volume, endAt - rampSeconds);
  gain.gain.linearRampToValueAtTime(0, endAt);
  tone.connect(gain).connect(context.destination);
  tone.start(startAt);
  tone.stop(endAt);
}
