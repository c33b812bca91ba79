/** What a station and a port host say to each other over the host's stdio: small binary messages. */
import { ByteReader, concatBytes, fromUtf8, uint32, utf8 } from '../base/bytes.ts';
import type { Fault } from '../base/fault.ts';
import type { PortProfile } from './profile.ts';

export const messageTypes = {
  /** To the host: JSON of a PortProfile. */
  open: 1,
  /** Both ways: bytes of the port. */
  data: 2,
  /** To the host: give the port back. */
  close: 3,
  ping: 4,
  pong: 5,
  /** From the host from here on. */
  opened: 6,
  /** The oldest `data` is with the operating system; a payload is the fault that kept it. */
  written: 7,
  /** JSON of a Fault: the port could not be opened, or ended. */
  fault: 8,
  closed: 9,
} as const;
export type MessageType = (typeof messageTypes)[keyof typeof messageTypes];

/** `port` counts openings, so that the last bytes of an earlier one are not taken for the next one's. */
export interface Message {
  readonly type: MessageType;
  readonly port: number;
  readonly payload: Uint8Array;
}

const headerBytes = 6;
/** Larger than any read of a serial port and any packet; longer writes are cut. */
export const maxPayloadBytes = 65_536;

/** type (1), port (1), payload length (4, big-endian), payload. */
export function encodeMessage(type: MessageType, port: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  return concatBytes(Uint8Array.of(type, port & 255), uint32(payload.length), payload);
}

/** Takes bytes as they come; undefined from `push` means that the other side is no peer of ours. */
export function createMessageReader(): { push(bytes: Uint8Array): readonly Message[] | undefined } {
  let held: Uint8Array = new Uint8Array(0);
  return {
    push(bytes) {
      held = held.length === 0 ? bytes : concatBytes(held, bytes);
      const messages: Message[] = [];
      while (held.length >= headerBytes) {
        const reader = new ByteReader(held);
        const type = typeOf(reader.uint8());
        const port = reader.uint8() ?? 0;
        const length = reader.uint32() ?? 0;
        if (type === undefined || length > maxPayloadBytes) return undefined;
        const payload = reader.take(length);
        if (payload === undefined) break;
        messages.push({ type, port, payload: payload.slice() });
        held = held.slice(reader.offset);
      }
      return messages;
    },
  };
}

function typeOf(value: number | undefined): MessageType | undefined {
  return Object.values(messageTypes).find((type) => type === value);
}

export function encodeJson(value: PortProfile | Fault): Uint8Array {
  return utf8(JSON.stringify(value));
}

function decodeJson(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(payload) ?? '');
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // Only a peer of another version says this.
    return undefined;
  }
}

export function decodeFault(payload: Uint8Array): Fault | undefined {
  const value = decodeJson(payload);
  const { code, say, hint } = value ?? {};
  if (typeof code !== 'string' || typeof say !== 'string' || typeof hint !== 'string') return undefined;
  return { code, say, hint };
}

export function decodeProfile(payload: Uint8Array): PortProfile | undefined {
  const { path, baudRate, rtscts, hangUpOnClose, dtr, rts, lowLatency } = decodeJson(payload) ?? {};
  if (typeof path !== 'string') return undefined;
  return {
    path,
    ...(typeof baudRate === 'number' ? { baudRate } : {}),
    ...(typeof rtscts === 'boolean' ? { rtscts } : {}),
    ...(typeof hangUpOnClose === 'boolean' ? { hangUpOnClose } : {}),
    ...(typeof dtr === 'boolean' ? { dtr } : {}),
    ...(typeof rts === 'boolean' ? { rts } : {}),
    ...(typeof lowLatency === 'boolean' ? { lowLatency } : {}),
  };
}
