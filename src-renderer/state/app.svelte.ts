/** The parts that every screen is given, and which screen is on. */
import { createContext } from 'svelte';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import type { Browser } from '../bridge/browser.ts';
import { createClient } from '../bridge/client.ts';
import type { Tones } from '../bridge/tones.ts';
import { Now } from './now.svelte.ts';
import { Preferences } from './preferences.svelte.ts';
import { Recovery } from './recovery.svelte.ts';
import { Station } from './station.svelte.ts';
import { Training } from './training.svelte.ts';

export const screens = ['bench', 'batches', 'recovery', 'samples', 'outbox', 'service', 'settings'] as const;
export type ScreenName = (typeof screens)[number];

export interface AppParts {
  readonly browser: Browser;
  readonly clock: Clock;
  readonly tones: Tones;
}

export class App {
  readonly browser: Browser;
  readonly clock: Clock;
  readonly tones: Tones;
  readonly station: Station;
  readonly recovery: Recovery;
  readonly training: Training;
  readonly now: Now;
  readonly preferences: Preferences;
  screen = $state<ScreenName>('bench');

  constructor({ browser, clock, tones }: AppParts) {
    this.browser = browser;
    this.clock = clock;
    this.tones = tones;
    this.station = new Station(createClient(browser.station, clock), clock);
    this.recovery = new Recovery(this.station);
    this.training = new Training(this.station, browser);
    this.now = new Now(clock);
    this.preferences = new Preferences(browser);
  }

  open(): () => void {
    const stops = [
      this.preferences.open(),
      this.now.open(),
      this.recovery.open(),
      this.training.open(),
      this.station.open(),
      this.station.onVerdict((verdict) => this.tones.play(verdict, this.preferences.volume)),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }
}

export const [getApp, setApp] = createContext<App>();
