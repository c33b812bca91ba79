/** Frames of the TPM tunnel [TUN-2]: marker, sequence number, length, one whole TPM buffer, CRC. docs/tpm-tunnel.md. */
import { concatBytes, uint16 } from '../base/bytes.ts';
import { crc16 } from '../base/crc16.ts';

/** [TUN-2.1] "TUN": boot messages hold no such bytes by chance often, and the CRC sorts out the rest. */
const marker = Uint8Array.of(0x54, 0x55, 0x4e);
const headBytes = marker.length + 3;
const crcBytes = 2;
/** [TUN-2.2] lib/tpm/types.ts: the largest TPM buffers are about 1 kB. */
export const maxTunnelBytes = 4_096;
/** [TUN-2.2] Tag, size and code: nothing shorter is a command or a response (Part 1, clause 18). */
const minTunnelBytes = 10;

export interface TunnelFrame {
  readonly sequence: number;
  /** Empty: a greeting [TUN-3.1], or word of a TPM that gave no answer [TUN-4.5]. */
  readonly buffer: Uint8Array;
}

export function encodeTunnelFrame({ sequence, buffer }: TunnelFrame): Uint8Array<ArrayBuffer> {
  const checked = concatBytes(Uint8Array.of(sequence & 0xff), uint16(buffer.length), buffer);
  return concatBytes(marker, checked, uint16(crc16(checked)));
}

export interface TunnelDecoder {
  /** The whole frames that these bytes complete; what is none is dropped and counted. */
  push(bytes: Uint8Array): readonly TunnelFrame[];
  /** [TUN-2.5] Lets go of half a frame: what follows begins anew. True when there was one. */
  cut(): boolean;
  /** Whether a frame has begun and its end is still missing. */
  readonly isOpen: boolean;
  /** Frames that were damaged or cut since the start. */
  readonly damaged: number;
}

export function createTunnelDecoder(): TunnelDecoder {
  // Never more than one frame: what is longer is no frame, and is let go of byte by byte.
  let held: Uint8Array = new Uint8Array(0);
  let damaged = 0;
  const next = (): TunnelFrame | undefined => {
    for (;;) {
      held = held.subarray(markerStart(held));
      const seen = look(held);
      if (seen.at === 'waiting') return undefined;
      // [TUN-2.4] After damage the search goes on behind the marker: a frame may begin inside what looked like one.
      held = held.subarray(seen.at === 'frame' ? seen.bytes : 1);
      if (seen.at === 'frame') return seen.frame;
      damaged += 1;
    }
  };
  return {
    push(bytes) {
      held = concatBytes(held, bytes);
      const frames: TunnelFrame[] = [];
      for (let frame = next(); frame !== undefined; frame = next()) frames.push(frame);
      return frames;
    },
    cut() {
      const wasOpen = held.length >= marker.length;
      if (wasOpen) damaged += 1;
      held = new Uint8Array(0);
      return wasOpen;
    },
    get isOpen() {
      return held.length > 0;
    },
    get damaged() {
      return damaged;
    },
  };
}

type Seen =
  | { readonly at: 'waiting' }
  | { readonly at: 'damaged' }
  | { readonly at: 'frame'; readonly frame: TunnelFrame; readonly bytes: number };

function look(held: Uint8Array): Seen {
  if (held.length < headBytes) return { at: 'waiting' };
  const length = wordAt(held, marker.length + 1);
  // [TUN-2.2] Refused before anything is stored for it.
  const isPossible = length === 0 || (length >= minTunnelBytes && length <= maxTunnelBytes);
  if (!isPossible) return { at: 'damaged' };
  const bytes = headBytes + length + crcBytes;
  if (held.length < bytes) return { at: 'waiting' };
  const checked = held.subarray(marker.length, headBytes + length);
  if (crc16(checked) !== wordAt(held, headBytes + length)) return { at: 'damaged' };
  const frame = { sequence: held[marker.length] ?? 0, buffer: held.slice(headBytes, headBytes + length) };
  return { at: 'frame', frame, bytes };
}

/** Where a marker begins, whole or as far as the bytes go; the end when there is none. */
function markerStart(held: Uint8Array): number {
  for (let at = 0; at < held.length; at += 1) {
    if (marker.every((byte, index) => at + index >= held.length || held[at + index] === byte)) return at;
  }
  return held.length;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
