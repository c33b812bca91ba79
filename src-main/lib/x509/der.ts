/** The little of DER (ITU-T X.690) that is needed to splice certificates without re-encoding what was signed. */
import { concatBytes } from '../base/bytes.ts';

/** Tags of X.680 used here. */
export const tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context3: 0xa3,
} as const;

export interface Der {
  readonly tag: number;
  /** With its tag and length, exactly as received. */
  readonly raw: Uint8Array;
  readonly body: Uint8Array;
  /** Where it ends within the bytes that it was read from. */
  readonly end: number;
}

export function der(tagByte: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const body = concatBytes(...parts);
  return concatBytes(Uint8Array.of(tagByte), derLength(body.length), body);
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  if (length < 0x10000) return Uint8Array.of(0x82, length >> 8, length & 255);
  return Uint8Array.of(0x83, length >> 16, (length >> 8) & 255, length & 255);
}

/** A positive INTEGER from an unsigned big-endian number, in its shortest form. */
export function derUnsigned(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  const signBit = (digits[0] ?? 0) & 0x80;
  return signBit === 0 ? der(tag.integer, digits) : der(tag.integer, Uint8Array.of(0), digits);
}

export function derBitString(bytes: Uint8Array): Uint8Array {
  return der(tag.bitString, Uint8Array.of(0), bytes);
}

/** One value at the start of `bytes`; undefined when it is cut off or its length is not in definite form. */
export function readDer(bytes: Uint8Array): Der | undefined {
  return valueAt(bytes, 0);
}

function valueAt(bytes: Uint8Array, at: number): Value | undefined {
  const tagByte = bytes[at];
  const first = bytes[at + 1];
  if (tagByte === undefined || first === undefined) return undefined;
  // Four length bytes already reach 4 GB; 0x80 is the indefinite form, which DER forbids (X.690 10.1).
  const count = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || count > 4) return undefined;
  const start = at + 2 + count;
  if (start > bytes.length) return undefined;
  let length = first < 0x80 ? first : 0;
  for (let digit = at + 2; digit < start; digit += 1) length = length * 256 + (bytes[digit] ?? 0);
  const end = start + length;
  return end > bytes.length ? undefined : new Value(tagByte, bytes, { at, start, end });
}

/** Where a value stands: of its two views, most readers look at one, and a certificate has some sixty values. */
class Value implements Der {
  readonly tag: number;
  readonly #bytes: Uint8Array;
  readonly #at: number;
  readonly #start: number;
  readonly end: number;

  constructor(tagByte: number, bytes: Uint8Array, place: { at: number; start: number; end: number }) {
    this.tag = tagByte;
    this.#bytes = bytes;
    this.#at = place.at;
    this.#start = place.start;
    this.end = place.end;
  }

  get raw(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.end);
  }

  get body(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.end);
  }
}

/** All values of a constructed body; undefined when one of them is malformed. */
export function readDerList(body: Uint8Array): readonly Der[] | undefined {
  const items: Der[] = [];
  for (let at = 0; at < body.length;) {
    const item = valueAt(body, at);
    if (item === undefined) return undefined;
    items.push(item);
    at = item.end;
  }
  return items;
}

/** The members of a SEQUENCE that is the whole of `bytes`. */
export function readSequence(bytes: Uint8Array): readonly Der[] | undefined {
  const outer = valueAt(bytes, 0);
  if (outer?.tag !== tag.sequence || outer.end !== bytes.length) return undefined;
  return readDerList(outer.body);
}

/** The same for a member that may be missing: without it, or when it is malformed, there are no members. */
export function membersOf(item: Der | undefined): readonly Der[] {
  return item?.tag === tag.sequence ? (readDerList(item.body) ?? []) : [];
}

/** The bytes of a BIT STRING without unused bits. */
export function bitStringBytes(item: Der | undefined): Uint8Array | undefined {
  if (item?.tag !== tag.bitString) return undefined;
  const { body } = item;
  return body[0] === 0 ? body.subarray(1) : undefined;
}

/** Dotted form of an OBJECT IDENTIFIER. */
export function readOid(item: Der | undefined): string | undefined {
  if (item?.tag !== tag.oid) return undefined;
  const { body } = item;
  // X.690 8.19.2: the last byte of a number has its highest bit clear.
  if ((body[body.length - 1] ?? 0x80) >= 0x80) return undefined;
  let dotted = '';
  let held = 0;
  for (const byte of body) {
    held = held * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(held)) return undefined;
    if (byte >= 0x80) continue;
    if (dotted === '') {
      const root = Math.min(2, Math.floor(held / 40));
      dotted = `${root}.${held - root * 40}`;
    } else dotted += `.${held}`;
    held = 0;
  }
  return dotted;
}

export function derOid(dotted: string): Uint8Array {
  const [root = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const bytes = [root * 40 + second, ...arcs].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
      digits.unshift((rest & 0x7f) | 0x80);
    }
    return digits;
  });
  return der(tag.oid, Uint8Array.from(bytes));
}
