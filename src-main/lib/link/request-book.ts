/** What a device remembers of requests, so that a repeat is a replay [LINK-6.4, LINK-6.5]. Pure state; no line, no handler. */
import { decode, encode } from 'cborg';
import { equalBytes, toHex } from '../base/bytes.ts';
import { bytesAt, isTextMap, uintAt, type CborMap } from './cbor-map.ts';
import { maxParcelBytes, maxRememberedBytes, maxRememberedResults } from './limits.ts';
import { requestKinds, type RequestKind } from './messages.ts';
import { openParcel, parcelHashBytes, wireRequestIdBytes } from './parcel.ts';

/** A whole request as it arrived. */
export interface Order {
  readonly id: Uint8Array;
  readonly kind: RequestKind;
  /** Length of the parcel, and the hash it opens with. */
  readonly length: number;
  readonly hash: Uint8Array;
}

export type Entry = Order &
  (
    | { readonly at: 'running' }
    /** It was running when the device restarted: a TPM command may or may not have happened. */
    | { readonly at: 'interrupted' }
    | { readonly at: 'done'; readonly result: Uint8Array }
  );

export interface RequestBook {
  find(id: Uint8Array): Entry | undefined;
  readonly running: Entry | undefined;
  start(order: Order): void;
  finish(id: Uint8Array, result: Uint8Array): void;
  forget(id: Uint8Array): void;
  /** What must survive a restart. */
  saved(): Uint8Array;
}

/** Whether a repeat brings the same request: what of its parcel is there must be what was ordered [LINK-6.3]. */
export function sameOrder(order: Order, chunk: Pick<Order, 'kind' | 'length'> & ChunkPart): boolean {
  if (order.kind !== chunk.kind || order.length !== chunk.length) return false;
  if (chunk.offset !== 0) return true;
  const prefix = chunk.data.subarray(0, parcelHashBytes);
  return equalBytes(prefix, order.hash.subarray(0, prefix.length));
}

interface ChunkPart {
  readonly offset: number;
  readonly data: Uint8Array;
}

export function createRequestBook(saved: Uint8Array | undefined): RequestBook {
  const entries = new Map<string, Entry>();
  for (const entry of saved === undefined ? [] : readSaved(saved)) entries.set(toHex(entry.id), entry);
  const put = (entry: Entry): void => {
    const key = toHex(entry.id);
    entries.delete(key);
    entries.set(key, entry);
    // A Map keeps its order of insertion: the first is the oldest.
    const [oldest] = entries.keys();
    if (entries.size > maxRememberedResults && oldest !== undefined) entries.delete(oldest);
  };
  return {
    find: (id) => entries.get(toHex(id)),
    get running() {
      return [...entries.values()].find((entry) => entry.at === 'running');
    },
    start(order) {
      put({ ...order, at: 'running' });
    },
    finish(id, result) {
      const entry = entries.get(toHex(id));
      if (entry !== undefined) put({ ...orderOf(entry), at: 'done', result });
    },
    forget(id) {
      entries.delete(toHex(id));
    },
    saved: () => encode([...entries.values()].map(toSaved)),
  };
}

function orderOf({ id, kind, length, hash }: Entry): Order {
  return { id, kind, length, hash };
}

function toSaved(entry: Entry): ReadonlyMap<string, unknown> {
  const members = new Map<string, unknown>([
    ['r', entry.id],
    ['k', entry.kind],
    ['l', entry.length],
    ['h', entry.hash],
  ]);
  // [LINK-6.5] A TPM's answer may hold what a credential protects: it is never stored, and never run again either.
  const isKept = entry.at === 'done' && entry.kind !== requestKinds.tpm && entry.result.length <= maxRememberedBytes;
  if (isKept) members.set('p', entry.result);
  return members;
}

function readSaved(bytes: Uint8Array): readonly Entry[] {
  try {
    const list: unknown = decode(bytes, { useMaps: true });
    if (!Array.isArray(list)) return [];
    return list.flatMap((item: unknown) => (isTextMap(item) ? entryFrom(item) : [])).slice(-maxRememberedResults);
  } catch {
    // A store that cannot be read is a device without memory; it answers as one.
    return [];
  }
}

function entryFrom(map: CborMap): readonly Entry[] {
  const id = bytesAt(map, 'r');
  const hash = bytesAt(map, 'h');
  const length = uintAt(map, 'l', maxParcelBytes);
  const kind = kindOf(map.get('k'));
  if (id?.length !== wireRequestIdBytes || hash?.length !== parcelHashBytes) return [];
  if (length === undefined || kind === undefined) return [];
  const result = bytesAt(map, 'p');
  if (result === undefined || openParcel(result) === undefined) return [{ id, kind, length, hash, at: 'interrupted' }];
  return [{ id, kind, length, hash, at: 'done', result }];
}

export function kindOf(value: unknown): RequestKind | undefined {
  return Object.values(requestKinds).find((kind) => kind === value);
}
