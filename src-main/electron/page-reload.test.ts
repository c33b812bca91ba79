import { expect, it } from 'vitest';
import { manualClock } from '../lib/base/clock.ts';
import { createPageReload } from './page-reload.ts';

const random = { bytes: (count: number) => new Uint8Array(count), uuid: () => 'id', fraction: () => 0 };

it('a page that keeps falling is loaded with growing pauses, and at once again after a good minute', async () => {
  const clock = manualClock();
  let loads = 0;
  const page = createPageReload({ clock, random }, () => (loads += 1));
  for (const pauseMs of [250, 500, 1_000]) {
    const before = loads;
    page.fell();
    await clock.advance(pauseMs - 1);
    expect(loads).toBe(before);
    await clock.advance(1);
    expect(loads).toBe(before + 1);
  }
  await clock.advance(60_001);
  page.fell();
  await clock.advance(250);
  expect(loads).toBe(4);
});

it('nothing is loaded once the window closes', async () => {
  const clock = manualClock();
  let loads = 0;
  const page = createPageReload({ clock, random }, () => (loads += 1));
  page.fell();
  page.cancel();
  await clock.advance(60_000);
  expect(loads).toBe(0);
});
