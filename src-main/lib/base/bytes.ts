/** Bytes without a host: joining, comparing, hexadecimal, base64 (RFC 4648), UTF-8, and a bounds-checked reader. */

const hexPairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const base64Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const base64Values = new Uint8Array(256).fill(255);
for (let value = 0; value < 64; value += 1) base64Values[base64Digits.charCodeAt(value)] = value;
// Every two digits, by their 12 bits.
const base64Pairs = Array.from({ length: 4_096 }, (_, bits) => `${base64Digits[bits >> 6]}${base64Digits[bits & 63]}`);

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Not for secrets: returns at the first difference. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

/** Lower case, no separators. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexPairs[byte] ?? '';
  return text;
}

/** Undefined when the text is not an even number of hexadecimal digits. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16));
}

/** RFC 4648 section 4, with padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  const whole = bytes.length - (bytes.length % 3);
  for (let at = 0; at < whole; at += 3) {
    const group = (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
    text += pairOf(group >> 12) + pairOf(group & 4_095);
  }
  if (whole === bytes.length) return text;
  const last = (byteAt(bytes, whole) << 16) | (byteAt(bytes, whole + 1) << 8);
  const isTwo = bytes.length - whole === 2;
  return `${text}${pairOf(last >> 12)}${isTwo ? base64Digits.charAt((last >> 6) & 63) : '='}=`;
}

/** Zero past the end. */
function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function pairOf(bits: number): string {
  return base64Pairs[bits] ?? '';
}

/** RFC 4648 section 4, strict: padded, no white space, no stray bits. Undefined when it is anything else. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const digits = text.replace(/={1,2}$/, '');
  const bytes = new Uint8Array(Math.floor((digits.length * 6) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let digit = 0; digit < digits.length; digit += 1) {
    const value = base64Values[digits.charCodeAt(digit)] ?? 255;
    if (value === 255) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (held >> bits) & 255;
      at += 1;
    }
  }
  const strayBits = held & ((1 << bits) - 1);
  return strayBits === 0 ? bytes : undefined;
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Undefined when the bytes are not well-formed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function uint16(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of((value >>> 8) & 255, value & 255);
}

export function uint32(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** Reads big-endian fields; past the end every read gives undefined and the reader stays where it was. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  get offset(): number {
    return this.#offset;
  }

  take(count: number): Uint8Array | undefined {
    if (count < 0 || count > this.remaining) return undefined;
    const part = this.#bytes.subarray(this.#offset, this.#offset + count);
    this.#offset += count;
    return part;
  }

  uint8(): number | undefined {
    return this.take(1)?.[0];
  }

  uint16(): number | undefined {
    const part = this.take(2);
    return part === undefined ? undefined : new DataView(part.buffer, part.byteOffset, 2).getUint16(0);
  }

  uint32(): number | undefined {
    const part = this.take(4);
    return part === undefined ? undefined : new DataView(part.buffer, part.byteOffset, 4).getUint32(0);
  }
}
