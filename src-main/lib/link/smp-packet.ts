/** The SMP header, version 2 of the protocol [LINK-3.1]. */
import { ByteReader, concatBytes, uint16 } from '../base/bytes.ts';

export const smpOps = { read: 0, readReply: 1, write: 2, writeReply: 3 } as const;
type SmpOp = (typeof smpOps)[keyof typeof smpOps];
export const smpHeaderBytes = 8;
/** The `Ver` field: 0 is the older protocol with plain `rc` errors, 1 ("SMP version 2") has errors by group. */
export const smpVersions = { older: 0, current: 1 } as const;

export interface SmpPacket {
  readonly version: number;
  readonly op: SmpOp;
  readonly group: number;
  readonly sequence: number;
  readonly command: number;
  readonly body: Uint8Array;
}

export function encodePacket(packet: SmpPacket): Uint8Array<ArrayBuffer> {
  return concatBytes(
    Uint8Array.of((packet.version << 3) | packet.op, 0),
    uint16(packet.body.length),
    uint16(packet.group),
    Uint8Array.of(packet.sequence, packet.command),
    packet.body,
  );
}

/** Undefined when the header is cut short, has bits set that must be zero, or the length is not that of the body. */
export function decodePacket(bytes: Uint8Array): SmpPacket | undefined {
  const reader = new ByteReader(bytes);
  const lead = reader.uint8();
  const flags = reader.uint8();
  const length = reader.uint16();
  const group = reader.uint16();
  const sequence = reader.uint8();
  const command = reader.uint8();
  if (lead === undefined || flags === undefined || group === undefined) return undefined;
  if (sequence === undefined || command === undefined) return undefined;
  const op = opOf(lead & 7);
  // [LINK-3.1] Reserved bits are zero; versions 2 and 3 are reserved.
  if (op === undefined || lead >> 3 > 1 || flags !== 0 || length !== reader.remaining) return undefined;
  return { version: lead >> 3, op, group, sequence, command, body: bytes.slice(smpHeaderBytes) };
}

function opOf(value: number): SmpOp | undefined {
  return Object.values(smpOps).find((op) => op === value);
}
