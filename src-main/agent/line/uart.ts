/** What a receiver makes of bytes that were sent at another baud rate: the same levels, sampled at the wrong times. */

/** A start bit, eight data bits with the lowest first, a stop bit: 8N1. */
const bitsPerByte = 10;

/** `bytes` as one burst on a line that is idle before and after it. */
export function heardAt(receiverBaud: number, senderBaud: number, bytes: Uint8Array): Uint8Array {
  if (receiverBaud === senderBaud) return bytes;
  const sentBits = bytes.length * bitsPerByte;
  const level = (bit: number): number => (bit >= sentBits ? 1 : levelOf(bytes, bit));
  /** The sender's bit that is on the line after so many bits of the receiver. */
  const at = (receiverBits: number): number => Math.floor((receiverBits * senderBaud) / receiverBaud);
  const heard: number[] = [];
  let bit = 0;
  while (bit < sentBits) {
    if (level(bit) === 1) {
      bit += 1;
      continue;
    }
    const startBits = (bit * receiverBaud) / senderBaud;
    // A line that is high again in the middle of what looked like a start bit was a spike.
    if (level(at(startBits + 0.5)) === 1) {
      bit += 1;
      continue;
    }
    let byte = 0;
    for (let data = 0; data < 8; data += 1) byte |= level(at(startBits + 1.5 + data)) << data;
    heard.push(byte);
    // The next start is looked for in the middle of the stop bit, as UARTs do.
    bit = Math.max(bit + 1, at(startBits + 9.5));
    // A stop bit that is low is a framing error: the line has to come back to rest before a start is one.
    while (bit < sentBits && level(bit) === 0) bit += 1;
  }
  return Uint8Array.from(heard);
}

function levelOf(bytes: Uint8Array, bit: number): number {
  const place = bit % bitsPerByte;
  if (place === 0) return 0;
  return place === bitsPerByte - 1 ? 1 : ((bytes[Math.floor(bit / bitsPerByte)] ?? 0) >> (place - 1)) & 1;
}
