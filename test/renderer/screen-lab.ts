/** A state class on a fixture station: what it asked, and what a call is answered when the test says so. */
import { manualClock, type ManualClock } from '../../src-main/lib/base/clock.ts';
import { browserOf } from '../../src-renderer/bridge/browser.ts';
import type { StationPort } from '../../src-renderer/bridge/client.ts';
import { App } from '../../src-renderer/state/app.svelte.ts';
import { createFixtureStation } from './fixture-station.ts';
import { sceneFrom } from './scenes.ts';

export interface ScreenLab {
  readonly app: App;
  readonly clock: ManualClock;
  readonly sent: { name: string; payload: unknown }[];
  /** The payloads of one call. */
  readonly of: (name: string) => readonly unknown[];
  readonly answers: Record<string, unknown>;
}

export async function screenLab(query = ''): Promise<ScreenLab> {
  const clock = manualClock();
  const fixture = createFixtureStation(sceneFrom(new URLSearchParams(query)));
  const sent: { name: string; payload: unknown }[] = [];
  const answers: Record<string, unknown> = {};
  const station: StationPort = {
    call: async (name, payload) => {
      sent.push({ name, payload });
      return name in answers ? { ok: true, value: answers[name] } : fixture.call(name, payload);
    },
    listen: (listener) => fixture.listen(listener),
  };
  const app = new App({ browser: { ...browserOf(window), station }, clock, tones: { play: () => undefined } });
  app.open();
  // The start is a chain of questions, each of some promises.
  for (let turn = 0; turn < 10; turn += 1) await clock.advance(0);
  const of = (name: string) => sent.filter((one) => one.name === name).map((one) => one.payload);
  return { app, clock, sent, of, answers };
}
