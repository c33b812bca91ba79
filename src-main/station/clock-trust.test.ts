import { describe, expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { silentLog } from '../lib/base/log.ts';
import { failed, ok } from '../lib/base/result.ts';
import { createClockTrust, noteClock } from './clock-trust.ts';
import type { SettingsChange } from './queue/settings.ts';
import { stationFault } from './faults.ts';

const minuteMs = 60_000;

function trustAfter(backMs: number) {
  const clock = manualClock();
  const noted: (number | undefined)[] = [];
  const store = {
    saveSettings: async ({ lastSeenMs }: SettingsChange) => {
      noted.push(lastSeenMs);
      return ok({ stationId: 'station-1' });
    },
  };
  const trust = createClockTrust(clock.nowMs() + backMs, { clock, log: silentLog, store });
  return { clock, noted, trust };
}

describe('the clock of a station', () => {
  it('is good at the first start, and after a correction of five minutes', () => {
    const { clock, trust } = trustAfter(5 * minuteMs);
    expect(trust.fault()).toBeUndefined();
    const store = { saveSettings: async () => failed(stationFault('station-stopping')) };
    expect(createClockTrust(undefined, { clock, log: silentLog, store }).fault()).toBeUndefined();
  });

  it('that went back by more dates nothing, until it is past the time that was seen', async () => {
    const { clock, trust } = trustAfter(60 * minuteMs);
    expect(trust.fault()).toMatchObject({ code: 'clock-untrusted', detail: { minutes: 60 } });
    await clock.advance(54 * minuteMs);
    expect(trust.fault()).toMatchObject({ code: 'clock-untrusted' });
    await clock.advance(minuteMs);
    expect(trust.fault()).toBeUndefined();
  });

  it('is good again once another clock agrees with it, and not by one that does not', () => {
    const { trust } = trustAfter(60 * minuteMs);
    trust.heard(60 * minuteMs);
    trust.heard(-60 * minuteMs);
    expect(trust.fault()).toMatchObject({ code: 'clock-untrusted' });
    trust.heard(-2_000);
    expect(trust.fault()).toBeUndefined();
  });

  it('is written down every minute while it is good', async () => {
    const { clock, trust, noted } = trustAfter(0);
    const startedMs = clock.nowMs();
    const stopping = new AbortController();
    const noting = noteClock(trust, clock, stopping.signal);
    await clock.advance(minuteMs);
    stopping.abort();
    await noting;
    expect(noted).toEqual([startedMs, startedMs + minuteMs]);
  });

  it('is not written down while it is not', async () => {
    const { trust, noted } = trustAfter(60 * minuteMs);
    await trust.note();
    expect(noted).toEqual([]);
  });
});
