/** Fetches a parcel by offset, as objects and results are fetched [LINK-6.2]. */
import { failed, type Result } from '../base/result.ts';
import { bytesAt, uintAt } from './cbor-map.ts';
import type { Answer, Refusal } from './exchange.ts';
import { linkFault } from './faults.ts';
import { maxParcelBytes } from './limits.ts';
import { parcelHashBytes } from './parcel.ts';

interface Chunk {
  readonly offset: number;
  readonly length: number;
  readonly data: Uint8Array;
}

export type ChunkRead =
  | { readonly at: 'whole'; readonly parcel: Uint8Array }
  | { readonly at: 'running' }
  | { readonly at: 'again' }
  | { readonly at: 'refused'; readonly refusal: Refusal }
  | { readonly at: 'failed'; readonly failed: Result<never> };

/** [LINK-6.2] Reads a parcel by offset. Every answer carries at least one byte, so the loop ends. */
export async function readChunks(
  ask: (offset: number) => Promise<Result<Answer>>,
  doneState: number | undefined,
): Promise<ChunkRead> {
  const parcel = { bytes: new Uint8Array(0), have: 0 };
  for (;;) {
    const asked = await ask(parcel.have);
    if (!asked.ok) return { at: 'failed', failed: asked };
    const read = chunkIn(asked.value, doneState);
    if (read.at !== 'chunk') return read;
    const { chunk } = read;
    // Another length or offset than the first chunk announced: the object changed under way.
    if (chunk.offset !== parcel.have || (parcel.have > 0 && chunk.length !== parcel.bytes.length)) {
      return { at: 'again' };
    }
    if (parcel.have === 0) parcel.bytes = new Uint8Array(chunk.length);
    parcel.bytes.set(chunk.data, parcel.have);
    parcel.have += chunk.data.length;
    if (parcel.have === chunk.length) return { at: 'whole', parcel: parcel.bytes };
  }
}

function chunkIn(
  answer: Answer,
  doneState: number | undefined,
): ChunkRead | { readonly at: 'chunk'; readonly chunk: Chunk } {
  if (answer.at === 'refused') return { at: 'refused', refusal: answer.refusal };
  const { map } = answer;
  if (doneState !== undefined) {
    const state = uintAt(map, 's', doneState);
    if (state === undefined) return unreadable();
    if (state !== doneState) return { at: 'running' };
  }
  const length = uintAt(map, 'l', maxParcelBytes);
  const offset = uintAt(map, 'o', maxParcelBytes);
  const data = bytesAt(map, 'd');
  if (length === undefined || offset === undefined || data === undefined) return unreadable();
  if (length < parcelHashBytes || data.length === 0 || offset + data.length > length) return unreadable();
  return { at: 'chunk', chunk: { length, offset, data } };
}

function unreadable(): ChunkRead {
  return { at: 'failed', failed: failed(linkFault('link-unreadable')) };
}
