/** Cuts what a connection sends into protocol headers and whole frames, and holds no more than one frame allows. */

export type Cut =
  | { readonly is: 'bytes'; readonly bytes: Buffer }
  /** Not all of it has come yet. */
  | { readonly is: 'more' }
  | { readonly is: 'wrong-size'; readonly size: number };

export interface AmqpCutter {
  push(chunk: Buffer): void;
  header(): Cut;
  /** The size of a frame counts itself (AMQP 1.0 section 2.3.1). */
  frame(maxBytes: number): Cut;
}

const headerBytes = 8;
// A frame has a header of eight bytes at least.
const minFrameBytes = 8;
const sizeBytes = 4;

export function createAmqpCutter(): AmqpCutter {
  let held: Buffer[] = [];
  let heldBytes = 0;
  // joined only when enough is there: many small chunks of one frame are copied once
  const joined = (): Buffer => {
    const [only] = held;
    if (held.length === 1 && only !== undefined) return only;
    const bytes = Buffer.concat(held, heldBytes);
    held = [bytes];
    return bytes;
  };
  const take = (count: number): Cut => {
    if (heldBytes < count) return { is: 'more' };
    const bytes = joined();
    held = heldBytes === count ? [] : [bytes.subarray(count)];
    heldBytes -= count;
    return { is: 'bytes', bytes: bytes.subarray(0, count) };
  };
  let size: number | undefined;
  return {
    push(chunk) {
      if (chunk.length === 0) return;
      held.push(chunk);
      heldBytes += chunk.length;
    },
    header: () => take(headerBytes),
    frame(maxBytes) {
      if (size === undefined) {
        if (heldBytes < sizeBytes) return { is: 'more' };
        size = joined().readUInt32BE(0);
      }
      if (size < minFrameBytes || size > maxBytes) return { is: 'wrong-size', size };
      const cut = take(size);
      if (cut.is === 'bytes') size = undefined;
      return cut;
    },
  };
}
