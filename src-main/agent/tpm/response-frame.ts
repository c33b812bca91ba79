/** Cuts a TPM's answers out of a byte stream: each carries its own size (Part 1, clause 18.2). */
import { concatBytes } from '../../lib/base/bytes.ts';
import { headerBytes, maxBufferBytes } from './opened-tpm.ts';

type Cut =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  | { readonly kind: 'noise'; readonly reason: string };

export interface ResponseCutter {
  /** Adds what arrived and tells what it makes with what came before. */
  push(bytes: Uint8Array): Cut;
}

export function createResponseCutter(): ResponseCutter {
  let held: Uint8Array = new Uint8Array(0);
  return {
    push(bytes) {
      // One command at a time: there is never more than one answer on the way.
      if (held.length + bytes.length > maxBufferBytes) return { kind: 'noise', reason: 'too long' };
      held = concatBytes(held, bytes);
      if (held.length < headerBytes) return { kind: 'waiting' };
      const size = new DataView(held.buffer, held.byteOffset).getUint32(2);
      if (size < headerBytes || size > maxBufferBytes) return { kind: 'noise', reason: 'wrong size' };
      if (held.length < size) return { kind: 'waiting' };
      if (held.length > size) return { kind: 'noise', reason: 'bytes after the end' };
      const answer = held;
      held = new Uint8Array(0);
      return { kind: 'answer', bytes: answer };
    },
  };
}
