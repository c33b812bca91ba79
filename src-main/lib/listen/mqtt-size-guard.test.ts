import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMqttSizeGuard } from './mqtt-size-guard.ts';

/** A packet of this many bytes after its fixed header (MQTT 3.1.1 section 2.2.3). */
function packet(length: number): Uint8Array {
  const header = [0x30];
  let left = length;
  do {
    const byte = left % 128;
    left = Math.floor(left / 128);
    header.push(left > 0 ? byte | 0x80 : byte);
  } while (left > 0);
  return Uint8Array.from([...header, ...new Array<number>(length).fill(0xff)]);
}

describe('the MQTT size guard', () => {
  it('lets any packets within the limit through, however they are cut', () => {
    const streams = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 6 });
    fc.assert(
      fc.property(streams, fc.integer({ min: 1, max: 40 }), (lengths, step) => {
        const guard = createMqttSizeGuard(300);
        const bytes = Uint8Array.from(lengths.flatMap((length) => [...packet(length)]));
        for (let at = 0; at < bytes.length; at += step) {
          expect(guard.accepts(bytes.subarray(at, at + step))).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('refuses at the header, before the body arrives, and for good', () => {
    const guard = createMqttSizeGuard(300);
    expect(guard.accepts(packet(300))).toBe(true);
    expect(guard.accepts(packet(301).subarray(0, 3))).toBe(false);
    expect(guard.accepts(packet(1))).toBe(false);
  });

  it('gives the first packet less room than those that follow it', () => {
    expect(createMqttSizeGuard(300, 20).accepts(packet(21).subarray(0, 2))).toBe(false);
    const guard = createMqttSizeGuard(300, 20);
    expect(guard.accepts(packet(20)) && guard.accepts(packet(300))).toBe(true);
    expect(guard.accepts(packet(301).subarray(0, 3))).toBe(false);
  });

  it('refuses a length of more than four bytes', () => {
    expect(createMqttSizeGuard(2 ** 30).accepts(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01))).toBe(false);
  });
});
