/** Whether certificates may be dated by this PC's clock: one that went back since the station last looked may not. */
import { type Clock, sleep } from '../lib/base/clock.ts';
import { type Fault, faultMaker } from '../lib/base/fault.ts';
import type { Log } from '../lib/base/log.ts';
import type { StationStore } from './queue/station-store.ts';

const clockFault = faultMaker({
  'clock-untrusted': {
    say: 'The clock of this PC went back by {minutes} minutes since the station last looked at it.',
    hint: 'Set the clock of this PC, then scan the unit again.',
  },
});

// The same allowance that SAS tokens have (dps-wire 1.7): a clock service corrects by less.
const allowanceMs = 300_000;
// One row a minute costs nothing, and a clock that was set back by less than that harms no certificate.
const noteEveryMs = 60_000;

export interface ClockTrust {
  /** What keeps certificates from being issued now. */
  fault(): Fault | undefined;
  /** How far a clock that is not this PC's own is ahead of ours: a small offset makes ours good, whatever it was. */
  heard(offsetMs: number): void;
  /** Writes the time down; resolves when it is on disk. */
  note(): Promise<void>;
}

export interface ClockTrustParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Pick<StationStore, 'saveSettings'>;
}

export function createClockTrust(lastSeenMs: number | undefined, { clock, log, store }: ClockTrustParts): ClockTrust {
  let seenMs = lastSeenMs ?? 0;
  const fault = (): Fault | undefined => {
    const backMs = seenMs - clock.nowMs();
    return backMs > allowanceMs ? clockFault('clock-untrusted', { minutes: Math.round(backMs / 60_000) }) : undefined;
  };
  return Object.freeze({
    fault,
    heard: (offsetMs) => {
      if (Math.abs(offsetMs) <= allowanceMs) seenMs = clock.nowMs();
    },
    note: async () => {
      // An untrusted time must not become the measure of the next start.
      if (fault() !== undefined) return;
      seenMs = Math.max(seenMs, clock.nowMs());
      const saved = await store.saveSettings({ lastSeenMs: seenMs }, 'station');
      if (!saved.ok) log.warn('clock-not-noted', { code: saved.fault.code });
    },
  } satisfies ClockTrust);
}

/** Writes the time down now and every minute, until the station stops. */
export async function noteClock(trust: ClockTrust, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await trust.note();
    await sleep(clock, noteEveryMs, signal);
  }
}
