import fc from 'fast-check';
import rhea from 'rhea';
import { describe, expect, it } from 'vitest';
import { createAmqpCutter } from './amqp-cutter.ts';
import { messageIds } from './amqp-message-ids.ts';
import { readSaslFrame, saslChallenge, saslMechanisms, saslOutcome } from './amqp-sasl-frame.ts';
import { skipValue } from './amqp-scan.ts';

interface Codec {
  readonly types: {
    Reader: new (bytes: Buffer) => { read(): unknown; readonly position: number };
    Writer: new () => { write(value: unknown): void; toBuffer(): Buffer };
    wrap(value: unknown): unknown;
  };
  readonly message: { encode(message: object): Buffer; data_section(bytes: Buffer): unknown };
}
const { types, message } = rhea as unknown as Codec;

function encoded(value: unknown): Buffer {
  const writer = new types.Writer();
  writer.write(types.wrap(value));
  return Buffer.from(writer.toBuffer());
}

/** What the engine makes of it: the offset after the value, or that it throws. */
function engineReads(bytes: Buffer): number | 'throws' {
  const reader = new types.Reader(bytes);
  try {
    reader.read();
    return reader.position;
  } catch {
    return 'throws';
  }
}

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.integer(),
    fc.double({ min: -1e9, max: 1e9, noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
})).value;

// bytes that are nearly values: the codes of all kinds, small sizes, and noise
const nearly = fc.array(
  fc.oneof(
    fc.constantFrom(0x00, 0x40, 0x41, 0x45, 0x52, 0x53, 0x70, 0x80, 0xa1, 0xb0, 0xc0, 0xc1, 0xd0, 0xe0, 0xf0),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 0, max: 255 }),
  ),
  { maxLength: 60 },
);

describe('the AMQP scan', () => {
  it('passes over whatever the engine writes, and ends where it ends', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encoded(value);
        expect(skipValue(bytes, 0)).toBe(bytes.length);
      }),
      { numRuns: 300 },
    );
  });

  it('lets nothing through that the engine cannot read', () => {
    fc.assert(
      fc.property(nearly, (numbers) => {
        const bytes = Buffer.from(numbers);
        const end = skipValue(bytes, 0);
        expect(end === -1 || engineReads(bytes) === end).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  it('refuses an array of a billion nulls, a list longer than its bytes, and nesting without end', () => {
    const nulls = Buffer.from('f00000000540000000' + '40', 'hex');
    nulls.writeUInt32BE(1_000_000_000, 5);
    expect(skipValue(nulls, 0)).toBe(-1);
    expect(skipValue(Buffer.from('d000000005ffffffff40', 'hex'), 0)).toBe(-1);
    expect(skipValue(Buffer.alloc(60_000), 0)).toBe(-1);
    const lists = Buffer.concat([...Array.from({ length: 40 }, (_, at) => Buffer.of(0xc0, 2 * (40 - at), 1)), Buffer.of(0x40)]); // prettier-ignore
    expect(skipValue(lists, 0)).toBe(-1);
  });
});

describe('the ids of a message', () => {
  const ids = fc.oneof(
    fc.string({ maxLength: 200 }).map((text) => ({ sent: text, read: { type: 'string', text } })),
    fc.uuid().map((text) => ({ sent: Buffer.from(text.replaceAll('-', ''), 'hex'), read: { type: 'uuid', text } })),
    fc
      .integer({ min: 0, max: 2 ** 40 })
      .map((number) => ({ sent: number, read: { type: 'ulong', text: String(number) } })),
  );

  it('keep their types', () => {
    fc.assert(
      fc.property(ids, ids, ({ sent, read }, other) => {
        const bytes = message.encode({ message_id: other.sent, correlation_id: sent, to: 'x', body: 'y' });
        expect(messageIds(Buffer.from(bytes))).toEqual({ messageId: other.read, correlationId: read });
      }),
      { numRuns: 200 },
    );
  });

  it('are not read from what is no message', () => {
    expect(messageIds(Buffer.from('0053754000', 'hex'))).toBeUndefined();
    expect(messageIds(encoded({ a: 1 }))).toBeUndefined();
    expect(messageIds(message.encode({ correlation_id: 'x'.repeat(300) }))).toBeUndefined();
  });
});

describe('the AMQP cutter', () => {
  it('gives the same frames however the bytes were cut', () => {
    const streams = fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 6 });
    fc.assert(
      fc.property(streams, fc.integer({ min: 1, max: 30 }), (bodies, step) => {
        const frames = bodies.map((body) => {
          const frame = Buffer.concat([Buffer.alloc(8), body]);
          frame.writeUInt32BE(frame.length, 0);
          return frame;
        });
        const all = Buffer.concat([Buffer.from('AMQP....'), ...frames]);
        const cutter = createAmqpCutter();
        const cut: Buffer[] = [];
        let isFirst = true;
        for (let at = 0; at < all.length; at += step) {
          cutter.push(all.subarray(at, at + step));
          for (;;) {
            const next = isFirst ? cutter.header() : cutter.frame(100);
            if (next.is !== 'bytes') break;
            isFirst = false;
            cut.push(next.bytes);
          }
        }
        expect(Buffer.concat(cut.slice(1)).equals(Buffer.concat(frames))).toBe(true);
        expect(cut.length).toBe(frames.length + 1);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses a frame by its size, before the rest of it has come', () => {
    const cutter = createAmqpCutter();
    cutter.push(Buffer.from('00000200', 'hex'));
    expect(cutter.frame(511)).toEqual({ is: 'wrong-size', size: 512 });
    const small = createAmqpCutter();
    small.push(Buffer.from('0000000702000000', 'hex'));
    expect(small.frame(511)).toEqual({ is: 'wrong-size', size: 7 });
  });
});

describe('the SASL frames', () => {
  it('never throw, whatever comes', () => {
    fc.assert(
      fc.property(nearly, (numbers) => {
        const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, 2, 1, 0, 0]), Buffer.from(numbers)]);
        const read = readSaslFrame(frame);
        expect(read === undefined || ['init', 'response'].includes(read.is)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('read what a client sends, also with an empty or a missing initial response', () => {
    const init = (fields: string): Buffer => Buffer.from(`0000000002010000005341${fields}`, 'hex');
    expect(readSaslFrame(init('c00902a303' + Buffer.from('TPM').toString('hex') + 'a00100'))).toEqual({
      is: 'init',
      mechanism: 'TPM',
      initial: Buffer.of(0),
    });
    const bare = { is: 'init', mechanism: 'MSSBCBS', initial: Buffer.of() };
    expect(readSaslFrame(init('c00a01a307' + Buffer.from('MSSBCBS').toString('hex')))).toEqual(bare);
    expect(readSaslFrame(init('c00b02a307' + Buffer.from('MSSBCBS').toString('hex') + '40'))).toEqual(bare);
  });

  it('[rule 8] hold a challenge of 471 bytes within the 512 that a frame may have', () => {
    const challenge = saslChallenge(new Uint8Array(471));
    expect(challenge.length).toBeLessThanOrEqual(512);
    expect(challenge.readUInt32BE(0)).toBe(challenge.length);
    for (const frame of [challenge, saslOutcome(0), saslMechanisms(['PLAIN', 'TPM']), saslMechanisms(['ANONYMOUS'])]) {
      expect(skipValue(frame, 8)).toBe(frame.length);
      expect(engineReads(frame.subarray(8))).toBe(frame.length - 8);
    }
  });
});
