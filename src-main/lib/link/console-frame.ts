/** SMP console framing [LINK-2]: a packet as text lines between whatever else a console says. */
import { concatBytes, fromBase64, toBase64, uint16, utf8 } from '../base/bytes.ts';
import { crc16 } from '../base/crc16.ts';

/** [LINK-2.1] marker, base64 and newline together; the bound of Zephyr's console. */
export const maxFrameBytes = 127;
const maxTextBytes = maxFrameBytes - 3;
const rawBytesPerFrame = (maxTextBytes / 4) * 3;
/** Noise is handed on in pieces of at most this size, so that a chattering line cannot fill memory. */
const maxNoiseBytes = 256;
const newline = 0x0a;
const carriageReturn = 0x0d;
const first = Uint8Array.of(0x06, 0x09);
const continuation = Uint8Array.of(0x04, 0x14);

type DiscardReason = 'noise' | 'line-too-long' | 'not-base64' | 'stray' | 'cut-short' | 'length' | 'crc';

/** What came out of the line; noise is a value, and nothing of a damaged packet is ever handed on as one. */
export type Framed =
  | { readonly kind: 'packet'; readonly bytes: Uint8Array }
  | { readonly kind: 'discarded'; readonly bytes: Uint8Array; readonly why: DiscardReason };

/** [LINK-2.2] All lines of one packet. Throws on a packet the length field cannot carry: no caller may make one. */
export function encodeFrames(packet: Uint8Array): Uint8Array<ArrayBuffer> {
  if (packet.length > 0xffff - 2) throw new RangeError('packet longer than its length field');
  const raw = concatBytes(uint16(packet.length + 2), packet, uint16(crc16(packet)));
  const lines: Uint8Array[] = [];
  for (let at = 0; at < raw.length; at += rawBytesPerFrame) {
    const text = `${toBase64(raw.subarray(at, at + rawBytesPerFrame))}\n`;
    lines.push(at === 0 ? first : continuation, utf8(text));
  }
  return concatBytes(...lines);
}

interface Partial {
  /** Body and CRC together, as the length field counts them. */
  readonly length: number;
  readonly have: Uint8Array;
}

export interface FrameDecoder {
  push(bytes: Uint8Array): readonly Framed[];
}

export function createFrameDecoder(maxPacketBytes: number): FrameDecoder {
  let noise: number[] = [];
  /** Marker and text of the frame being read; undefined between frames. */
  let line: number[] | undefined;
  let partial: Partial | undefined;
  let out: Framed[] = [];

  const discard = (bytes: readonly number[] | Uint8Array, why: DiscardReason): void => {
    if (bytes.length > 0) out.push({ kind: 'discarded', bytes: Uint8Array.from(bytes), why });
  };
  const dropPartial = (why: DiscardReason): void => {
    if (partial !== undefined) discard(partial.have, why);
    partial = undefined;
  };
  const endLine = (frame: readonly number[]): void => {
    const read = readLine(frame, partial, maxPacketBytes);
    switch (read.kind) {
      case 'more':
        if (read.restarted) dropPartial('cut-short');
        partial = read.partial;
        break;
      case 'packet':
        if (read.restarted) dropPartial('cut-short');
        partial = undefined;
        out.push(read);
        break;
      case 'discarded':
        dropPartial('cut-short');
        discard(frame, read.why);
        break;
    }
  };
  const byte = (value: number): void => {
    const target = line ?? noise;
    target.push(value);
    if (endsWithMarker(target)) {
      // [LINK-2.6] A marker inside a line means that the line was cut: what follows is a frame of its own.
      discard(target.slice(0, -2), line === undefined ? 'noise' : 'cut-short');
      if (line !== undefined) dropPartial('cut-short');
      noise = [];
      line = target.slice(-2);
    } else if (line === undefined) {
      if (noise.length >= maxNoiseBytes) {
        discard(noise.slice(0, -1), 'noise');
        noise = noise.slice(-1);
      }
    } else if (value === newline) {
      const frame = line;
      line = undefined;
      endLine(frame);
    } else if (line.length > maxFrameBytes || (line.length === maxFrameBytes && value !== carriageReturn)) {
      // [LINK-2.1] A full line may end with a carriage return before its newline.
      // The newline was lost, and this byte may begin the marker of the next line.
      discard(line.slice(0, -1), 'line-too-long');
      dropPartial('cut-short');
      noise = line.slice(-1);
      line = undefined;
    }
  };

  return {
    push(bytes) {
      out = [];
      for (const value of bytes) byte(value);
      // The last byte may be the first half of a marker.
      const held = noise.at(-1) === first[0] || noise.at(-1) === continuation[0] ? 1 : 0;
      discard(noise.slice(0, noise.length - held), 'noise');
      noise = noise.slice(noise.length - held);
      return out;
    },
  };
}

type LineRead =
  | { readonly kind: 'more'; readonly partial: Partial; readonly restarted: boolean }
  | { readonly kind: 'packet'; readonly bytes: Uint8Array; readonly restarted: boolean }
  | { readonly kind: 'discarded'; readonly why: DiscardReason };

function readLine(frame: readonly number[], partial: Partial | undefined, maxPacketBytes: number): LineRead {
  const end = frame.at(-2) === carriageReturn ? -2 : -1;
  const text = String.fromCharCode(...frame.slice(2, end));
  const raw = text === '' ? undefined : fromBase64(text);
  if (raw === undefined) return { kind: 'discarded', why: 'not-base64' };
  const isFirst = frame[0] === first[0];
  if (isFirst) {
    const length = ((raw[0] ?? 0) << 8) | (raw[1] ?? 0);
    // [LINK-2.5] A length that no packet of ours can have is refused before anything is stored for it.
    if (raw.length < 2 || length < 3 || length > maxPacketBytes + 2) return { kind: 'discarded', why: 'length' };
    return joined({ length, have: raw.slice(2) }, true);
  }
  if (partial === undefined) return { kind: 'discarded', why: 'stray' };
  return joined({ length: partial.length, have: concatBytes(partial.have, raw) }, false);
}

function joined(partial: Partial, isFirst: boolean): LineRead {
  const { have, length } = partial;
  if (have.length < length) return { kind: 'more', partial, restarted: isFirst };
  if (have.length > length) return { kind: 'discarded', why: 'length' };
  const body = have.slice(0, -2);
  const crc = ((have.at(-2) ?? 0) << 8) | (have.at(-1) ?? 0);
  if (crc16(body) !== crc) return { kind: 'discarded', why: 'crc' };
  return { kind: 'packet', bytes: body, restarted: isFirst };
}

function endsWithMarker(bytes: readonly number[]): boolean {
  const [before, last] = [bytes.at(-2), bytes.at(-1)];
  return (before === first[0] && last === first[1]) || (before === continuation[0] && last === continuation[1]);
}
