/**
 * Which fields of a performative must be there, and of which type (AMQP 1.0 section 2.7). The engine reads whatever
 * comes as what it expects: a frame size that is a list is 0 to it, and a delivery without a number stops it.
 */
import { unsignedAt } from './amqp-scan.ts';

interface FieldTypes {
  readonly unsigned: readonly number[];
  readonly boolean?: readonly number[];
  /** Strings and symbols. */
  readonly text?: readonly number[];
  readonly map?: readonly number[];
  /** Of the unsigned and the text ones: those that may not be absent. */
  readonly mandatory?: readonly number[];
}

/** By descriptor code; what is in none of the lists is looked at elsewhere or not used. */
const types: ReadonlyMap<number, FieldTypes> = new Map<number, FieldTypes>([
  [0x10, { text: [0, 1], unsigned: [2, 3, 4], map: [9], mandatory: [0] }],
  [0x11, { unsigned: [0, 1, 2, 3, 4], map: [7], mandatory: [1, 2, 3] }],
  [0x12, { text: [0], unsigned: [1, 3, 4, 9, 10], boolean: [2, 8], map: [7, 13], mandatory: [0, 1] }],
  [0x13, { unsigned: [0, 1, 2, 3, 4, 5, 6, 7], boolean: [8, 9], map: [10], mandatory: [1, 2, 3] }],
  [0x14, { unsigned: [0, 1, 3, 6], boolean: [4, 5, 8, 9, 10], mandatory: [0] }],
  [0x15, { unsigned: [1, 2], boolean: [0, 3, 5], mandatory: [1] }],
  [0x16, { unsigned: [0], boolean: [1], mandatory: [0] }],
  [0x17, { unsigned: [] }],
  [0x18, { unsigned: [] }],
]);

const nullCode = 0x40;
const booleanCodes: ReadonlySet<number> = new Set([0x41, 0x42, 0x56]);
// string and symbol, with a size of one byte and of four
const textCodes: ReadonlySet<number> = new Set([0xa1, 0xb1, 0xa3, 0xb3]);
const mapCodes: ReadonlySet<number> = new Set([0xc1, 0xd1]);
const maxUint = 0xffff_ffff;

/** False when a field that must be there is not, or one has another type. An unknown performative has no fields. */
export function hasFieldTypes(code: number, frame: Buffer, fields: readonly number[]): boolean {
  const wanted = types.get(code);
  if (wanted === undefined) return true;
  const isAbsent = (field: number): boolean => {
    const at = fields[field];
    return at === undefined || frame[at] === nullCode;
  };
  const isOneOf = (field: number, codes: ReadonlySet<number>): boolean => codes.has(frame[fields[field] ?? -1] ?? -1);
  // A message may be of any size that a ulong holds: what is beyond a number says that there is no bound.
  const isUnsigned = (field: number): boolean =>
    (code === 0x12 && field === 10) || (unsignedAt(frame, fields[field]) ?? maxUint + 1) <= maxUint;
  return (
    (wanted.mandatory ?? []).every((field) => !isAbsent(field)) &&
    wanted.unsigned.every((field) => isAbsent(field) || isUnsigned(field)) &&
    (wanted.boolean ?? []).every((field) => isAbsent(field) || isOneOf(field, booleanCodes)) &&
    (wanted.text ?? []).every((field) => isAbsent(field) || isOneOf(field, textCodes)) &&
    (wanted.map ?? []).every((field) => isAbsent(field) || isOneOf(field, mapCodes))
  );
}
