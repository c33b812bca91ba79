import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  helloFrames,
  indefiniteEchoBody,
  osPackets,
  uploadFrames,
  uploadPacketStart,
} from '../../../test/vectors/link-vectors.ts';
import { concatBytes, fromHex, toHex, utf8 } from '../base/bytes.ts';
import { decodeMap, encodeMap } from './cbor-map.ts';
import { createFrameDecoder, encodeFrames, maxFrameBytes, type Framed } from './console-frame.ts';
import { crc16 } from '../base/crc16.ts';
import { decodePacket, encodePacket } from './smp-packet.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);
const packetsOf = (framed: readonly Framed[]): string[] =>
  framed.flatMap((each) => (each.kind === 'packet' ? [toHex(each.bytes)] : []));
const reasonsOf = (framed: readonly Framed[]): string[] =>
  framed.flatMap((each) => (each.kind === 'discarded' ? [each.why] : []));
const decodeAll = (bytes: Uint8Array, max = 4_096): readonly Framed[] => createFrameDecoder(max).push(bytes);
const packet = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7) & 255);

describe('[LINK-2.4] the CRC', () => {
  it('is CRC-16/XMODEM by its published check value', () => {
    expect(crc16(utf8('123456789'))).toBe(0x31c3);
  });
});

describe('[LINK-2] frames of other software', () => {
  it('are read, whatever the length of their lines', () => {
    expect(packetsOf(decodeAll(utf8(helloFrames.oneLine.join(''))))).toEqual([helloFrames.packet]);
    expect(packetsOf(decodeAll(utf8(helloFrames.linesOfEight.join(''))))).toEqual([helloFrames.packet]);
  });
  it('are what we write for the same packet', () => {
    expect(encodeFrames(hex(helloFrames.packet))).toEqual(utf8(helloFrames.oneLine.join('')));
  });
  it('may carry the CRC across two lines', () => {
    const [upload] = packetsOf(decodeAll(concatBytes(...uploadFrames.map(hex))));
    expect(upload?.startsWith(uploadPacketStart)).toBe(true);
  });
  it('may end with carriage return and newline', () => {
    expect(packetsOf(decodeAll(utf8(helloFrames.oneLine.join('').replace('\n', '\r\n'))))).toEqual([
      helloFrames.packet,
    ]);
  });
});

describe('[LINK-2.1] what we write', () => {
  it('is in lines of at most 127 bytes, the first marked 06 09 and the others 04 14', () => {
    const lines = new TextDecoder()
      .decode(encodeFrames(packet(1_000)))
      .split('\n')
      .slice(0, -1);
    expect(lines.every((line) => line.length + 1 <= maxFrameBytes)).toBe(true);
    expect(lines.map((line) => line.slice(0, 2))).toEqual(['\x06\t', ...lines.slice(1).map(() => '\x04\x14')]);
  });
  it('comes back whole at every split point', () => {
    const bytes = concatBytes(utf8('boot: ok\r\n'), encodeFrames(packet(200)), encodeFrames(packet(9)));
    for (let at = 0; at <= bytes.length; at += 1) {
      const decoder = createFrameDecoder(4_096);
      const framed = [...decoder.push(bytes.subarray(0, at)), ...decoder.push(bytes.subarray(at))];
      expect(packetsOf(framed)).toEqual([toHex(packet(200)), toHex(packet(9))]);
    }
  });
  it('comes back whole between noise of any kind that is not a marker', () => {
    const noise = fc
      .uint8Array({ maxLength: 40 })
      .map((bytes) => bytes.map((byte) => (byte === 6 || byte === 4 ? 0 : byte)));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(noise, fc.uint8Array({ minLength: 1, maxLength: 400 })), { maxLength: 4 }),
        (said) => {
          const bytes = concatBytes(...said.flatMap(([before, body]) => [before, encodeFrames(body)]));
          expect(packetsOf(decodeAll(bytes))).toEqual(said.map(([, body]) => toHex(body)));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('[LINK-2.5] a damaged packet is never handed on', () => {
  it('whichever one of its bytes is changed', () => {
    const whole = encodeFrames(packet(120));
    for (let at = 0; at < whole.length; at += 1) {
      const broken = whole.slice();
      broken[at] = (broken[at] ?? 0) ^ 0x01;
      // Only a newline that became something else may still be cured by the line that follows.
      expect(packetsOf(decodeAll(broken)).filter((found) => found !== toHex(packet(120)))).toEqual([]);
    }
  });
  it('wherever it is cut off, and the next packet is read', () => {
    const whole = encodeFrames(packet(120));
    const next = encodeFrames(packet(5));
    for (let at = 1; at < whole.length; at += 1) {
      expect(packetsOf(decodeAll(concatBytes(whole.subarray(0, at), next)))).toEqual([toHex(packet(5))]);
    }
  });
  it('with the reason told', () => {
    const wrongCrc = utf8('\x06\tAA9IZWxsbywgd29ybGQhet8=\n');
    expect(reasonsOf(decodeAll(wrongCrc))).toEqual(['crc']);
    expect(reasonsOf(decodeAll(utf8('\x06\tA*9I\n')))).toEqual(['not-base64']);
    expect(reasonsOf(decodeAll(utf8('\x04\x14ZWxs\n')))).toEqual(['stray']);
    expect(reasonsOf(decodeAll(utf8(`\x06\t${'A'.repeat(126)}\n`)))).toContain('line-too-long');
    expect(reasonsOf(decodeAll(encodeFrames(packet(65)), 64))).toContain('length');
    expect(reasonsOf(decodeAll(utf8('\x06\tAAIA\n')))).toEqual(['length']);
  });
  it('and endless noise is handed on in pieces, not kept', () => {
    const framed = decodeAll(new Uint8Array(100_000).fill(0x55));
    expect(framed.every((each) => each.kind === 'discarded' && each.bytes.length <= 256)).toBe(true);
    expect(framed.reduce((sum, each) => sum + each.bytes.length, 0)).toBe(100_000);
  });
});

describe('[LINK-3.1] the SMP header', () => {
  for (const known of osPackets) {
    it(`of an ${known.name} of other software is read and written alike`, () => {
      const read = decodePacket(hex(known.hex));
      expect(read).toMatchObject({
        version: 1,
        op: known.op,
        group: 0,
        sequence: known.sequence,
        command: known.command,
      });
      expect(read && toHex(encodePacket(read))).toBe(known.hex);
    });
  }
  it('is refused with reserved bits set, an unknown op, or a length that is not that of the body', () => {
    expect(decodePacket(hex('2800000100009706a0'))).toBeUndefined();
    expect(decodePacket(hex('0800010100009706a0'))).toBeUndefined();
    expect(decodePacket(hex('0c00000100009706a0'))).toBeUndefined();
    expect(decodePacket(hex('0801000100009706a0'))).toBeUndefined();
    expect(decodePacket(hex('0800000200009706a0'))).toBeUndefined();
    expect(decodePacket(hex('08000001000097'))).toBeUndefined();
  });
});

describe('[LINK-3.2] a body', () => {
  it('may be a map of indefinite length, as Zephyr writes it', () => {
    expect(decodeMap(hex(indefiniteEchoBody))?.get('r')).toBe('hi');
  });
  it('is refused when it is no map, has a key twice, a key that is no text, or bytes behind it', () => {
    for (const bad of ['80', 'a2616101616102', 'a10101', 'a000', 'a1', '', 'bf6161', 'ff']) {
      expect(decodeMap(hex(bad))).toBeUndefined();
    }
  });
  it('comes back as it went', () => {
    expect(decodeMap(encodeMap({ a: 1, b: new Uint8Array([1]), c: undefined }))?.size).toBe(2);
  });
  it('of any bytes never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect([undefined, 'object']).toContain(decodeMap(bytes) && 'object');
      }),
      { numRuns: 300 },
    );
    expect(decodeMap(new Uint8Array(16_384).fill(0x81))).toBeUndefined();
  });
});
