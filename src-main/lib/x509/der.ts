/** The little of DER (ITU-T X.690) that is needed to splice certificates without re-encoding what was signed. */
import { ByteReader, concatBytes } from '../base/bytes.ts';

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
  const reader = new ByteReader(bytes);
  const tagByte = reader.uint8();
  const length = readLength(reader);
  if (tagByte === undefined || length === undefined) return undefined;
  const body = reader.take(length);
  return body === undefined ? undefined : { tag: tagByte, raw: bytes.subarray(0, reader.offset), body };
}

function readLength(reader: ByteReader): number | undefined {
  const first = reader.uint8();
  if (first === undefined || first < 0x80) return first;
  // Four length bytes already reach 4 GB; 0x80 is the indefinite form, which DER forbids (X.690 10.1).
  const count = first & 0x7f;
  if (count === 0 || count > 4) return undefined;
  return reader.take(count)?.reduce((length, byte) => length * 256 + byte, 0);
}

/** All values of a constructed body; undefined when one of them is malformed. */
export function readDerList(body: Uint8Array): readonly Der[] | undefined {
  const items: Der[] = [];
  for (let rest = body; rest.length > 0;) {
    const item = readDer(rest);
    if (item === undefined) return undefined;
    items.push(item);
    rest = rest.subarray(item.raw.length);
  }
  return items;
}

/** The members of a SEQUENCE that is the whole of `bytes`. */
export function readSequence(bytes: Uint8Array): readonly Der[] | undefined {
  const outer = readDer(bytes);
  if (outer?.tag !== tag.sequence || outer.raw.length !== bytes.length) return undefined;
  return readDerList(outer.body);
}

/** The same for a member that may be missing: without it, or when it is malformed, there are no members. */
export function membersOf(item: Der | undefined): readonly Der[] {
  return item === undefined ? [] : (readSequence(item.raw) ?? []);
}

/** The bytes of a BIT STRING without unused bits. */
export function bitStringBytes(item: Der | undefined): Uint8Array | undefined {
  return item?.tag === tag.bitString && item.body[0] === 0 ? item.body.subarray(1) : undefined;
}

/** Dotted form of an OBJECT IDENTIFIER. */
export function readOid(item: Der | undefined): string | undefined {
  // X.690 8.19.2: the last byte of a number has its highest bit clear.
  if (item?.tag !== tag.oid || (item.body.at(-1) ?? 0x80) >= 0x80) return undefined;
  const arcs: number[] = [];
  let held = 0;
  for (const byte of item.body) {
    held = held * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(held)) return undefined;
    if (byte >= 0x80) continue;
    if (arcs.length === 0) {
      const root = Math.min(2, Math.floor(held / 40));
      arcs.push(root, held - root * 40);
    } else arcs.push(held);
    held = 0;
  }
  return arcs.join('.');
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
