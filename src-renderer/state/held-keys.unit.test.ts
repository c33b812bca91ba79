import { describe, expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { HeldKeys } from './held-keys.ts';

function fieldOf(value: string) {
  const clock = manualClock();
  const told: string[] = [];
  const field = {
    value,
    dispatchEvent: (event: Event) => {
      told.push(`${event.type} ${field.value}`);
      return true;
    },
  };
  const held = new HeldKeys(clock);
  /** Types as a scanner does: the first three characters reach the field before it is known for one. */
  const burst = (text: string): void => {
    held.begin(field);
    field.value += text.slice(0, 3);
    for (const character of text.slice(3)) held.hold(character, 150);
  };
  return { clock, field, held, told, burst };
}

describe('what a scanner types into a field', () => {
  it('is taken out of it again, and whoever listens to the field is told', () => {
    const { field, held, told, burst } = fieldOf('Ada');
    burst('SN-2026');
    held.drop();
    expect(field.value).toBe('Ada');
    expect(told).toEqual(['input Ada']);
  });

  it('does not come back once it was a scan', async () => {
    const { clock, field, held, burst } = fieldOf('');
    burst('SN-2026');
    held.drop();
    await clock.advance(1_000);
    expect(field.value).toBe('');
  });

  it('is given back when no Enter follows, since then it was a hand', async () => {
    const { clock, field, burst } = fieldOf('Ada');
    burst(' Okafor');
    await clock.advance(150);
    expect(field.value).toBe('Ada Okafor');
  });

  it('is given back before the next burst begins', () => {
    const { field, held, burst } = fieldOf('');
    burst('abcdef');
    held.begin(field);
    expect(field.value).toBe('abcdef');
  });
});
