import { describe, expect, it } from 'vitest';
import { manualClock } from '../../src-main/lib/base/clock.ts';
import { ScanCapture } from './scan-capture.ts';

function captureOf(slots = 16) {
  const clock = manualClock();
  const did: string[] = [];
  const capture = new ScanCapture(clock, () => slots, {
    show: (text) => did.push(`show ${text}`),
    scan: (text) => did.push(`scan ${text}`),
    focusSlot: (slot) => did.push(`slot ${slot}`),
  });
  const type = async (text: string, gapMs = 5): Promise<void> => {
    for (const character of text) {
      capture.type(character);
      await clock.advance(gapMs);
    }
  };
  const last = (): string | undefined => did.filter((one) => !one.startsWith('show')).at(-1);
  return { capture, clock, did, type, last };
}

describe('typing outside any field', () => {
  it('takes a scan that ends with Enter', async () => {
    const { capture, type, last } = captureOf();
    await type('SN-2026-000141');
    expect(capture.enter()).toBe(true);
    expect(last()).toBe('scan SN-2026-000141');
  });

  it('takes a scan that begins with digits as a scan, not as slots', async () => {
    const { capture, did, type } = captureOf();
    await type('12026000141');
    capture.enter();
    expect(did.filter((one) => !one.startsWith('show'))).toEqual(['scan 12026000141']);
  });

  it.each([
    ['3', 3],
    ['12', 12],
    ['16', 16],
  ])('takes %s and a pause as slot %i', async (text, slot) => {
    const { type, clock, last } = captureOf();
    await type(text, 120);
    await clock.advance(400);
    expect(last()).toBe(`slot ${slot}`);
  });

  it('does not wait for the pause when Enter follows the number', async () => {
    const { capture, type, last } = captureOf();
    await type('4');
    expect(capture.enter()).toBe(true);
    expect(last()).toBe('slot 4');
  });

  it.each(['17', '0', '007'])('takes %s, which is no slot, as the start of a serial number', async (text) => {
    const { capture, type, clock, last } = captureOf();
    await type(text);
    await clock.advance(1_000);
    expect(last()).toBeUndefined();
    capture.enter();
    expect(last()).toBe(`scan ${text}`);
  });

  it('takes a number above the slots there are as the start of a serial number', async () => {
    const { type, clock, last } = captureOf(4);
    await type('9');
    await clock.advance(1_000);
    expect(last()).toBeUndefined();
  });

  it('leaves Enter with nothing typed to the next action', () => {
    expect(captureOf().capture.enter()).toBe(false);
  });

  it('forgets what was typed at Escape, and says whether there was anything', async () => {
    const { capture, type } = captureOf();
    await type('SN');
    expect(capture.clear()).toBe(true);
    expect(capture.clear()).toBe(false);
    expect(capture.enter()).toBe(false);
  });

  it('keeps at most what the contract takes', async () => {
    const { capture, type, last } = captureOf();
    await type('x'.repeat(300), 0);
    capture.enter();
    expect(last()).toBe(`scan ${'x'.repeat(200)}`);
  });
});

describe('typing into some other field', () => {
  /** Types with a gap between keys; returns what Enter, one gap later, takes for a scan. */
  const typed = (...parts: (readonly [text: string, gapMs: number])[]): string | undefined => {
    const { capture } = captureOf();
    let atMs = 1_000;
    for (const [text, gapMs] of parts) {
      for (const character of text) capture.overhear(character, (atMs += gapMs));
    }
    return capture.burst(atMs + (parts.at(-1)?.[1] ?? 0));
  };

  it('knows a scanner by its speed', () => {
    expect(typed(['SN-9', 4])).toBe('SN-9');
  });

  it('leaves a hand alone', () => {
    expect(typed(['Ada Okafor', 90])).toBeUndefined();
    expect(typed(['SN-2', 20], ['x', 90])).toBeUndefined();
  });

  it('takes only what the scanner typed after a hand had typed', () => {
    expect(typed(['A', 500], ['S', 500], ['N-42', 3])).toBe('SN-42');
  });

  it('takes nothing so short that two keys pressed at once would be it', () => {
    expect(typed(['ab', 2])).toBeUndefined();
  });
});
