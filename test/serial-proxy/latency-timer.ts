/** The receive side of a USB adapter: it hands bytes to the PC when its timer expires or its packet is full. */

export interface Packet {
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

export interface LatencyTimer {
  /** A byte left the wire at this time; times never go back. Gives the packets that were due until then. */
  take(byte: number, atMs: number): readonly Packet[];
  /** What is due until this time. */
  due(nowMs: number): readonly Packet[];
  /** When the held bytes are due at the latest; undefined with none. */
  readonly nextMs: number | undefined;
}

/** A full-speed packet of 64 bytes carries two bytes of status. */
const packetBytes = 62;

/** Free-running from `startMs`: it expires also with nothing to send, and starts anew after a full packet. */
export function createLatencyTimer(timerMs: number, startMs: number): LatencyTimer {
  let expiresMs = startMs + timerMs;
  let held: number[] = [];
  const flush = (atMs: number): Packet => {
    const packet = { bytes: Uint8Array.from(held), atMs };
    held = [];
    return packet;
  };
  const due = (nowMs: number): Packet[] => {
    const packets: Packet[] = [];
    if (expiresMs > nowMs) return packets;
    if (held.length > 0) packets.push(flush(expiresMs));
    expiresMs += (Math.floor((nowMs - expiresMs) / timerMs) + 1) * timerMs;
    return packets;
  };
  return {
    due,
    take(byte, atMs) {
      const packets = due(atMs);
      held.push(byte);
      if (held.length < packetBytes) return packets;
      expiresMs = atMs + timerMs;
      return [...packets, flush(atMs)];
    },
    get nextMs() {
      return held.length === 0 ? undefined : expiresMs;
    },
  };
}
