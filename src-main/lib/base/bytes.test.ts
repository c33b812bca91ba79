import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, concatBytes, equalBytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, utf8 } from './bytes.ts';

describe('base64', () => {
  it('agrees with the host on any bytes, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(fromBase64(toBase64(bytes))).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  it.each(['A', 'AA', 'AAA', 'AAAA=', 'AA==A', 'AB==', '====', ' AAA', 'AA-_'])('refuses %j', (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });
});

describe('hex', () => {
  it('agrees with the host on any bytes, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(fromHex(toHex(bytes))).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  it.each(['0', '0g', '0x', 'é0'])('refuses %j', (text) => {
    expect(fromHex(text)).toBeUndefined();
  });
});

describe('bytes', () => {
  it('joins parts in order', () => {
    expect(concatBytes(Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('tells a prefix from the whole', () => {
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
    expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3))).toBe(false);
  });

  it('gives no text for broken UTF-8', () => {
    expect(fromUtf8(utf8('Prüfplatz'))).toBe('Prüfplatz');
    expect(fromUtf8(Uint8Array.of(0xc3))).toBeUndefined();
  });
});

describe('ByteReader', () => {
  it('reads big-endian and stays where it was at the end', () => {
    const reader = new ByteReader(Uint8Array.of(1, 0, 2, 0, 0, 0, 3, 9));
    expect([reader.uint8(), reader.uint16(), reader.uint32()]).toEqual([1, 2, 3]);
    expect(reader.uint16()).toBeUndefined();
    expect(reader.remaining).toBe(1);
    expect(reader.take(-1)).toBeUndefined();
  });
});
