import { describe, expect, it } from 'vitest';
import type { AdapterPort } from '../../lib/serial/index.ts';
import { type Learned, type Look, beginLearning, learnLimitMs, nextLearning } from './learning.ts';

const port = (usbPath: string): AdapterPort => ({ path: `/dev/${usbPath}`, name: `adapter ${usbPath}`, usbPath });

/** Looks one after another, until learning ends; `owner` is who is bound to a place. */
function learn(
  looks: readonly (readonly string[])[],
  owner: Readonly<Record<string, number>> = {},
  everyMs = 300,
): Learned {
  const lookAt = (places: readonly string[], at: number): Look => ({
    ...{ plugged: places.map(port), nowMs: at * everyMs },
    slotAt: (usbPath) => owner[usbPath],
  });
  const [first = [], ...rest] = looks;
  let state: Learned = { at: 'learning', learning: beginLearning(3, lookAt(first, 0)) };
  for (const [at, places] of rest.entries()) {
    if (state.at === 'learning') state = nextLearning(state.learning, lookAt(places, at + 1));
  }
  return state;
}

describe('learning a slot by plugging', () => {
  it('takes the next adapter that appears, once it was seen twice', () => {
    expect(learn([['1-1:1.0'], ['1-1:1.0', '1-2:1.0']])).toMatchObject({ at: 'learning' });
    const learned = learn([['1-1:1.0'], ['1-1:1.0', '1-2:1.0'], ['1-1:1.0', '1-2:1.0']]);
    expect(learned).toMatchObject({ at: 'found', adapter: { usbPath: '1-2:1.0' } });
  });

  it('takes one that was in already when it is pulled and plugged in again, or is this slot’s own', () => {
    expect(learn([['1-1:1.0'], [], ['1-1:1.0'], ['1-1:1.0']])).toMatchObject({ at: 'found' });
    expect(learn([[], ['1-1:1.0'], ['1-1:1.0']], { '1-1:1.0': 3 })).toMatchObject({ at: 'found' });
  });

  it('tells of an adapter that belongs to another slot, steals it not, and waits on', () => {
    const told = learn([[], ['1-1:1.0'], ['1-1:1.0'], ['1-1:1.0']], { '1-1:1.0': 7 });
    const fault = { code: 'learning-bound', say: 'adapter 1-1:1.0 belongs to slot 7 already.' };
    expect(told).toMatchObject({ at: 'learning', learning: { fault } });
    const both = ['1-1:1.0', '1-2:1.0'];
    expect(learn([[], both, both], { '1-1:1.0': 7 })).toMatchObject({ at: 'found', adapter: { usbPath: '1-2:1.0' } });
  });

  it('refuses several that appear at once, by their names, also when one comes a moment later', () => {
    const both = ['1-1:1.0', '1-2:1.0'];
    expect(learn([[], both, both])).toMatchObject({ at: 'ended', fault: { code: 'learning-several' } });
    expect(learn([[], ['1-1:1.0'], both, both])).toMatchObject({ at: 'ended', fault: { code: 'learning-several' } });
  });

  it('refuses an adapter of several channels, and names them to choose from', () => {
    const channels = ['1-1:1.0', '1-1:1.1'];
    const fault = { code: 'learning-channels', say: 'adapter 1-1:1.0 has several channels: usb:1-1:1.0, usb:1-1:1.1.' };
    expect(learn([[], channels, channels])).toMatchObject({ at: 'ended', fault });
  });

  it('takes the one channel that no other slot has', () => {
    const channels = ['1-1:1.0', '1-1:1.1'];
    expect(learn([[], channels, channels], { '1-1:1.0': 1 })).toMatchObject({
      at: 'found',
      adapter: { usbPath: '1-1:1.1' },
    });
  });

  it('ends by itself when nothing is plugged in, and not between the two looks at what was', () => {
    expect(learn([[], [], []], {}, learnLimitMs / 2)).toMatchObject({ at: 'ended', fault: { code: 'learning-late' } });
    expect(learn([[], [], ['1-1:1.0'], ['1-1:1.0']], {}, learnLimitMs / 2)).toMatchObject({ at: 'found' });
  });
});
