import fc from 'fast-check';
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
      capture.type(character, clock.monotonicMs());
      await clock.advance(gapMs);
    }
  };
  const enter = (): boolean => capture.enter(clock.monotonicMs());
  /** What was done after everything that waits has come. */
  const all = async (): Promise<readonly string[]> => {
    await clock.advance(100);
    return did.filter((one) => !one.startsWith('show'));
  };
  return { capture, clock, did, type, enter, all };
}

describe('typing outside any field', () => {
  it('takes a scan that ends with Enter', async () => {
    const { enter, type, all } = captureOf();
    await type('SN-2026-000141');
    expect(enter()).toBe(true);
    expect(await all()).toEqual(['scan SN-2026-000141']);
  });

  it('takes a scan that begins with digits as a scan, not as slots', async () => {
    const { enter, type, all } = captureOf();
    await type('12026000141');
    enter();
    expect(await all()).toEqual(['scan 12026000141']);
  });

  it.each([
    ['3', 3],
    ['10', 10],
    ['12', 12],
    ['16', 16],
  ])('takes %s and a pause as slot %i', async (text, slot) => {
    const { type, clock, all } = captureOf();
    await type(text, 120);
    await clock.advance(400);
    expect(await all()).toEqual([`slot ${slot}`]);
  });

  it('does not wait for the pause when Enter follows the number', async () => {
    const { enter, did, type } = captureOf();
    await type('4');
    expect(enter()).toBe(true);
    expect(did.at(-1)).toBe('slot 4');
  });

  it.each(['17', '0', '007'])('takes %s, which is no slot, as the start of a serial number', async (text) => {
    const { enter, type, clock, all } = captureOf();
    await type(text);
    await clock.advance(1_000);
    expect(await all()).toEqual([]);
    enter();
    expect(await all()).toEqual([`scan ${text}`]);
  });

  it('takes a number above the slots there are as the start of a serial number', async () => {
    const { type, clock, all } = captureOf(4);
    await type('9');
    await clock.advance(1_000);
    expect(await all()).toEqual([]);
  });

  it('leaves Enter with nothing typed to the next action', () => {
    expect(captureOf().enter()).toBe(false);
  });

  it('forgets what was typed at Escape, and says whether there was anything', async () => {
    const { capture, enter, type } = captureOf();
    await type('SN');
    expect(capture.clear()).toBe(true);
    expect(capture.clear()).toBe(false);
    expect(enter()).toBe(false);
  });

  it('keeps more than the station takes, so that the station can say so, and not much more', async () => {
    const { enter, type, all } = captureOf();
    await type('x'.repeat(900), 0);
    enter();
    expect(await all()).toEqual([`scan ${'x'.repeat(300)}`]);
  });
});

describe('two codes', () => {
  it('that came in one burst are told as one scan of both, not as the first of them', async () => {
    const { enter, type, all } = captureOf();
    await type('SN-1');
    enter();
    await type('SLOT-2');
    enter();
    expect(await all()).toEqual(['scan SN-1\nSLOT-2']);
  });

  it('that a person scanned one after the other are two scans', async () => {
    const { enter, type, clock, all } = captureOf();
    await type('SLOT-2');
    enter();
    await clock.advance(200);
    await type('SN-1');
    enter();
    expect(await all()).toEqual(['scan SLOT-2', 'scan SN-1']);
  });

  it('are two scans also where a busy window sees both at once', async () => {
    const { capture, all } = captureOf();
    for (const [code, fromMs] of [
      ['SLOT-2', 0],
      ['SN-1', 400],
    ] as const) {
      for (const [at, character] of Array.from(code).entries()) capture.type(character, fromMs + at);
      capture.enter(fromMs + code.length);
    }
    expect(await all()).toEqual(['scan SLOT-2', 'scan SN-1']);
  });

  it('never are more text than the station reads', async () => {
    const { enter, type, all } = captureOf();
    for (let code = 0; code < 40; code += 1) {
      await type('x'.repeat(300), 0);
      enter();
    }
    const [scan = ''] = await all();
    expect(scan.length).toBeLessThan(4_096);
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

it('whatever is typed at whatever speed, each code is told once and none is longer than its bound', async () => {
  const key = fc.record({
    character: fc.constantFrom(...Array.from('1234ABC-\u001d')),
    gapMs: fc.nat(120),
    ends: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(key, { maxLength: 60 }), async (keys) => {
      const { capture, clock, enter, all } = captureOf();
      let codes = 0;
      for (const { character, gapMs, ends } of keys) {
        await clock.advance(gapMs);
        capture.overhear(character, clock.monotonicMs());
        capture.type(character, clock.monotonicMs());
        if (ends && enter()) codes += 1;
      }
      const done = await all();
      const told = done.flatMap((one) => one.replace(/^(scan|slot) /, '').split('\n'));
      expect(told.filter((one) => one !== '').length).toBeGreaterThanOrEqual(Math.min(codes, 1));
      expect(told.every((one) => one.length <= 300)).toBe(true);
    }),
    { seed: 5, numRuns: 200 },
  );
});
