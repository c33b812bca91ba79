/** The five SASL frames of AMQP 1.0 (section 5.3), as far as a server reads and writes them. */
import { listFields, readConstructor, skipValue, variableAt } from './amqp-scan.ts';

/** Section 5.3.2: neither side sends more; one client refuses more (dps-wire 3.5). */
export const maxSaslFrameBytes = 512;

export type SaslFrame =
  | { readonly is: 'init'; readonly mechanism: string; readonly initial: Uint8Array }
  | { readonly is: 'response'; readonly bytes: Uint8Array };

/** Section 5.3.3.6. */
export const saslCodes = { ok: 0, auth: 1, temporary: 4 } as const;
export type SaslCode = (typeof saslCodes)[keyof typeof saslCodes];

const frameType = 0x01;
const codes = { mechanisms: 0x40, init: 0x41, challenge: 0x42, response: 0x43, outcome: 0x44 };

/** Undefined when it is not one that a client sends, or not well formed. */
export function readSaslFrame(frame: Buffer): SaslFrame | undefined {
  const bodyAt = (frame[4] ?? 0) * 4;
  if (frame[5] !== frameType || bodyAt < 8 || skipValue(frame, bodyAt) !== frame.length) return undefined;
  const constructor = readConstructor(frame, bodyAt);
  const fields = constructor === undefined ? undefined : listFields(frame, constructor);
  if (constructor === undefined || fields === undefined) return undefined;
  const first = variableAt(frame, fields[0]);
  if (first === undefined) return undefined;
  switch (constructor.descriptor) {
    case codes.init:
      return { is: 'init', mechanism: first.toString('latin1'), initial: variableAt(frame, fields[1]) ?? Buffer.of() };
    case codes.response:
      return { is: 'response', bytes: first };
    default:
      return undefined;
  }
}

export function saslMechanisms(names: readonly string[]): Buffer {
  const symbols = Buffer.concat(
    names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`, 'latin1')),
  );
  // an array, also of one: some clients take nothing else
  const array = Buffer.concat([Buffer.of(0xe0, symbols.length + 2, names.length, 0xa3), symbols]);
  return saslFrame(codes.mechanisms, array);
}

export function saslChallenge(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head[0] = 0xb0;
  head.writeUInt32BE(bytes.length, 1);
  return saslFrame(codes.challenge, Buffer.concat([head, bytes]));
}

export function saslOutcome(code: SaslCode): Buffer {
  return saslFrame(codes.outcome, Buffer.of(0x50, code));
}

/** One described list of one field. */
function saslFrame(code: number, field: Buffer): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 2, frameType, 0, 0, 0x00, 0x53, code, 0xd0, 0, 0, 0, 0, 0, 0, 0, 1]);
  head.writeUInt32BE(head.length + field.length, 0);
  head.writeUInt32BE(field.length + 4, 12);
  return Buffer.concat([head, field]);
}
