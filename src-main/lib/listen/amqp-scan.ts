/**
 * Walks over AMQP 1.0 values without making anything of them (AMQP part 1). What passes here can be read by the engine:
 * sizes and counts agree, types are known, nesting is bounded, and nothing claims more elements than it has bytes for.
 */

// The deepest value a real client sends is a map in a list in a described list.
const maxDepth = 16;

// AMQP 1.0 section 1.6; 0x00 introduces a descriptor.
const knownCodes = new Set([
  ...[0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x60, 0x61],
  ...[0x70, 0x71, 0x72, 0x73, 0x74, 0x80, 0x81, 0x82, 0x83, 0x84, 0x94, 0x98],
  ...[0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3, 0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xf0],
]);

// Section 1.2: how wide a fixed value is, by the high half of its code.
const fixedWidths: ReadonlyMap<number, number> = new Map([[4, 0], [5, 1], [6, 2], [7, 4], [8, 8], [9, 16]]); // prettier-ignore

const malformed = -1;

/** The offset after the value at `at`; -1 when it is not well formed. */
export function skipValue(bytes: Buffer, at: number, depth = maxDepth): number {
  const constructor = readConstructor(bytes, at, depth);
  return constructor === undefined ? malformed : skipBody(bytes, constructor.bodyAt, constructor.code, depth);
}

export interface Constructor {
  /** The format code of the value itself. */
  readonly code: number;
  /** Of its descriptor, when it is a number; undefined when there is none or it is anything else. */
  readonly descriptor: number | undefined;
  readonly bodyAt: number;
}

export function readConstructor(bytes: Buffer, at: number, depth = maxDepth): Constructor | undefined {
  const code = bytes[at];
  if (code === undefined || depth === 0) return undefined;
  if (code !== 0x00) return knownCodes.has(code) ? { code, descriptor: undefined, bodyAt: at + 1 } : undefined;
  const valueAt = skipValue(bytes, at + 1, depth - 1);
  const valueCode = valueAt === malformed ? undefined : bytes[valueAt];
  // A descriptor on a descriptor is legal and never sent.
  if (valueCode === undefined || !knownCodes.has(valueCode)) return undefined;
  return { code: valueCode, descriptor: unsignedAt(bytes, at + 1), bodyAt: valueAt + 1 };
}

function skipBody(bytes: Buffer, at: number, code: number, depth: number): number {
  const kind = code >> 4;
  const fixed = fixedWidths.get(kind);
  if (fixed !== undefined) return within(bytes, at + fixed);
  const width = kind % 2 === 0 ? 1 : 4;
  const size = sizeAt(bytes, at, width);
  const end = size === undefined ? malformed : within(bytes, at + width + size);
  if (end === malformed || kind <= 0xb) return end;
  const count = sizeAt(bytes, at + width, width);
  if (count === undefined || at + 2 * width > end) return malformed;
  const items = { at: at + 2 * width, end, count, depth: depth - 1 };
  if (items.depth === 0) return malformed;
  return kind <= 0xd ? skipElements(bytes, items) : skipArray(bytes, items);
}

interface Items {
  readonly at: number;
  readonly end: number;
  readonly count: number;
  readonly depth: number;
}

function skipElements(bytes: Buffer, { at, end, count, depth }: Items): number {
  let next = at;
  // each takes a byte at least, so a count beyond the end is found at the end
  for (let item = 0; item < count; item += 1) {
    next = next < end ? skipValue(bytes, next, depth) : malformed;
    if (next === malformed) return malformed;
  }
  return next === end ? end : malformed;
}

function skipArray(bytes: Buffer, { at, end, count, depth }: Items): number {
  const constructor = readConstructor(bytes, at, depth);
  // Elements without bytes (an array of a billion nulls) would cost memory and no traffic.
  if (constructor === undefined || count > end - constructor.bodyAt) return malformed;
  let next = constructor.bodyAt;
  for (let item = 0; item < count; item += 1) {
    next = next <= end ? skipBody(bytes, next, constructor.code, depth) : malformed;
    if (next === malformed) return malformed;
  }
  return next === end ? end : malformed;
}

function sizeAt(bytes: Buffer, at: number, width: number): number | undefined {
  if (at + width > bytes.length) return undefined;
  return width === 1 ? bytes[at] : bytes.readUInt32BE(at);
}

function within(bytes: Buffer, end: number): number {
  return end <= bytes.length ? end : malformed;
}

/** Where each field of the list at `at` begins; undefined when it is no list. The list has been walked over before. */
export function listFields(bytes: Buffer, { code, bodyAt }: Constructor): readonly number[] | undefined {
  if (code === 0x45) return [];
  if (code !== 0xc0 && code !== 0xd0) return undefined;
  const width = code === 0xc0 ? 1 : 4;
  const count = sizeAt(bytes, bodyAt + width, width) ?? 0;
  const fields: number[] = [];
  let next = bodyAt + 2 * width;
  for (let field = 0; field < count; field += 1) {
    fields.push(next);
    next = skipValue(bytes, next);
    if (next === malformed) return undefined;
  }
  return fields;
}

/** A ubyte, ushort, uint or ulong; undefined for anything else, null included, and beyond what a number holds. */
export function unsignedAt(bytes: Buffer, at: number | undefined): number | undefined {
  if (at === undefined) return undefined;
  switch (bytes[at]) {
    case 0x43:
    case 0x44:
      return 0;
    case 0x50:
    case 0x52:
    case 0x53:
      return bytes[at + 1];
    case 0x60:
      return bytes.readUInt16BE(at + 1);
    case 0x70:
      return bytes.readUInt32BE(at + 1);
    case 0x80: {
      const value = bytes.readBigUInt64BE(at + 1);
      return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
    }
    default:
      return undefined;
  }
}

/** False for anything else, null included. */
export function booleanAt(bytes: Buffer, at: number | undefined): boolean {
  if (at === undefined) return false;
  return bytes[at] === 0x41 || (bytes[at] === 0x56 && bytes[at + 1] === 1);
}

/** The bytes of a string, symbol or binary. */
export function variableAt(bytes: Buffer, at: number | undefined): Buffer | undefined {
  if (at === undefined) return undefined;
  const kind = (bytes[at] ?? 0) >> 4;
  if (kind !== 0xa && kind !== 0xb) return undefined;
  const width = kind === 0xa ? 1 : 4;
  const size = sizeAt(bytes, at + 1, width) ?? 0;
  return bytes.subarray(at + 1 + width, at + 1 + width + size);
}
