/** The sized buffer of Part 2: UINT16 length, then that many bytes. */
import { type ByteReader, concatBytes, uint16 } from '../base/bytes.ts';

// TPM buffers are at most 4,096 bytes (lib/tpm/types.ts); a longer field is a mistake of ours.
const maxSizedBytes = 4_096;

export function sized(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > maxSizedBytes) throw new Error(`a TPM buffer of ${String(length)} bytes`);
  return concatBytes(uint16(length), ...parts);
}

/** The body of the next sized buffer; undefined when it is cut short. */
export function readSized(reader: ByteReader): Uint8Array | undefined {
  const length = reader.uint16();
  return length === undefined ? undefined : reader.take(length);
}

/** The next sized buffer with its two size bytes; undefined when it is cut short. */
export function readSizedWhole(reader: ByteReader): Uint8Array<ArrayBuffer> | undefined {
  const body = readSized(reader);
  return body === undefined ? undefined : concatBytes(uint16(body.length), body);
}
