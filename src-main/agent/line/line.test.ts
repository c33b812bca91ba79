import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/base/clock.ts';
import { ok } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import { parsePlantedFaults, type PlantedFaults } from '../planted-faults.ts';
import { must } from '../../lib/base/result.ts';
import { createBentLine } from './bent-line.ts';
import { bootNoise, seededChance, withNoise } from './noise.ts';
import { heardAt } from './uart.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 60 });

describe('a receiver at another baud rate', () => {
  it('hears what was sent when the rates agree, within what UARTs tolerate', () => {
    fc.assert(
      fc.property(bytes, (sent) => {
        expect(heardAt(115_200, 115_200, sent)).toEqual(sent);
        // Sampled in the middle of a bit, a rate may be off by a twentieth over ten bits.
        expect(heardAt(115_200, 112_000, sent)).toEqual(sent);
      }),
    );
  });

  it('hears something else, and never more than its own rate allows, when they do not', () => {
    const sent = new TextEncoder().encode('\x06\tABAKAAAGAAABAKFhZGJoaaWv\n');
    for (const rate of [9_600, 57_600, 230_400]) {
      const heard = heardAt(115_200, rate, sent);
      expect(heard).not.toEqual(sent);
      expect(heard.length).toBeLessThanOrEqual(Math.ceil((sent.length * 115_200) / rate) + 1);
    }
  });
});

describe('chance on the line', () => {
  it('falls the same way for the same seed, and another way for another', () => {
    const quiet = new Uint8Array(2_000);
    const noisy = (seed: number) => withNoise(quiet, 100, seededChance(seed));
    expect(noisy(1)).toEqual(noisy(1));
    expect(noisy(1)).not.toEqual(noisy(2));
    const changed = noisy(3).filter((byte) => byte !== 0);
    expect(changed.length).toBeGreaterThan(5);
    expect(changed.length).toBeLessThan(60);
    expect(bootNoise(777, seededChance(1))).toHaveLength(777);
  });
});

function line(faults: PlantedFaults) {
  const clock = manualClock();
  const sent: number[] = [];
  const pulls: number[] = [];
  let hear: (bytes: Uint8Array) => void = () => undefined;
  const stream: ByteStream = {
    write: async (piece) => {
      sent.push(...piece);
      return ok();
    },
    onData: (listener) => {
      hear = listener;
      return () => undefined;
    },
    onClose: () => () => undefined,
    close: async () => undefined,
  };
  const bent = createBentLine({ clock, faults, unplug: () => pulls.push(sent.length), powerCut: () => undefined });
  return {
    ...{ clock, sent, pulls, bent, over: bent.over(stream) },
    hear: (piece: Uint8Array) => {
      hear(piece);
    },
  };
}

describe('a bent line', () => {
  it('lets through exactly what comes before the cut, however it is divided, and cuts once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.array(bytes, { minLength: 1, maxLength: 5 }),
        async (at, all) => {
          const { over, sent, pulls } = line({ cutOut: at });
          const whole = all.flatMap((piece) => [...piece]);
          let written = 0;
          for (const piece of all) {
            await over.write(piece);
            written += piece.length;
            if (written >= at) break;
          }
          const isCut = whole.length >= at;
          expect(sent).toEqual(isCut ? whole.slice(0, at) : whole);
          expect(pulls).toEqual(isCut ? [at] : []);
        },
      ),
    );
  });

  it('brings a reply late, twice, or after the next one, and loses none', async () => {
    const late = line({ delayMs: 100 });
    await late.over.write(Uint8Array.of(1));
    expect(late.sent).toEqual([]);
    await late.clock.advance(100);
    expect(late.sent).toEqual([1]);
    const twice = line({ duplicate: 1 });
    await twice.over.write(Uint8Array.of(1));
    expect(twice.sent).toEqual([1, 1]);
    const swapped = line({ reorder: 2, seed: 2 });
    for (const reply of [1, 2, 3, 4, 5, 6, 7, 8]) await swapped.over.write(Uint8Array.of(reply));
    expect(swapped.sent).not.toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(swapped.sent.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8].filter((reply) => swapped.sent.includes(reply)));
    expect(swapped.sent.length).toBeGreaterThanOrEqual(7);
  });

  it('is deaf and dumb while the unit restarts, and says that it did', async () => {
    const { bent, over, sent, clock, hear } = line({});
    const heard: number[] = [];
    over.onData((piece) => heard.push(...piece));
    bent.restart(500);
    hear(Uint8Array.of(1));
    await over.write(Uint8Array.of(9));
    expect([heard, sent]).toEqual([[], []]);
    await clock.advance(500);
    expect(String.fromCharCode(...sent)).toContain('U-Boot');
    hear(Uint8Array.of(2));
    expect(heard).toEqual([2]);
  });
});

describe('planted faults of trainers', () => {
  it('have their usual value when none is given, and refuse one out of bounds', () => {
    expect(must(parsePlantedFaults(['wrong-baud', 'cut-out=9']))).toEqual({ wrongBaud: 57_600, cutOut: 9 });
    for (const word of ['cut-in=0', 'corrupt=99', 'tpm-delay=60001', 'reorder=1', 'echo=1', 'duplicate-ek=']) {
      expect(parsePlantedFaults([word]).ok, word).toBe(false);
    }
  });
});
