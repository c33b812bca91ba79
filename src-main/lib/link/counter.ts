/** The device's counter: takes requests in chunks, has them run, hands results and objects out in chunks [LINK-5, LINK-6]. */
import { toHex } from '../base/bytes.ts';
import { bytesAt, encodeMap, uintAt, type CborMap } from './cbor-map.ts';
import { isSupported, readObject, runOrder } from './device-desk.ts';
import { faultOfDevice } from './device-faults.ts';
import { framingBytes, maxParcelBytes } from './limits.ts';
import { benchErrors, encodeResult, objects, requestStates, type ObjectNumber, type RequestKind } from './messages.ts';
import { openParcel, packParcel, parcelHashBytes, wireRequestIdBytes } from './parcel.ts';
import { createRequestBook, kindOf, sameOrder, type Entry, type Order, type RequestBook } from './request-book.ts';
import { failed, type Result } from '../base/result.ts';
import type { Reply } from './server.ts';
import { smpHeaderBytes } from './smp-packet.ts';
import type { LinkDevice, LinkServerParts } from './types.ts';

export interface Counter {
  read(object: number, offset: number): Promise<Reply>;
  send(map: CborMap): Promise<Reply>;
  ask(map: CborMap): Promise<Reply>;
}

interface Chunk {
  readonly id: Uint8Array;
  readonly kind: RequestKind;
  readonly offset: number;
  readonly length: number;
  readonly data: Uint8Array;
}

/** The parcel that is arriving; one at a time [LINK-6.2]. */
interface Staged {
  readonly id: Uint8Array;
  readonly kind: RequestKind;
  readonly parcel: Uint8Array;
  have: number;
}

export function createCounter(device: LinkDevice, parts: LinkServerParts & { readonly bufferBytes: number }): Counter {
  let book: RequestBook | undefined;
  let staged: Staged | undefined;
  let snapshot: { readonly object: ObjectNumber; readonly parcel: Uint8Array } | undefined;
  // Everything of an answer that is not data: header, framing and the longest members.
  const members = { s: requestStates.done, o: 0xffff, l: 0xffff, d: new Uint8Array(0) };
  const room = parts.bufferBytes - smpHeaderBytes - framingBytes - encodeMap(members).length - 2;

  const opened = async (): Promise<RequestBook> => (book ??= createRequestBook(await parts.memory?.load()));
  const save = async (from: RequestBook): Promise<void> => parts.memory?.save(from.saved());

  const run = async (order: Order, content: Uint8Array, from: RequestBook): Promise<void> => {
    const outcome = await runGuarded(device, order, content, parts);
    const result = encodeResult(
      outcome.ok
        ? { at: 'done', value: outcome.value }
        : { at: 'failed', code: outcome.fault.code, message: outcome.fault.say },
    );
    from.finish(order.id, packParcel(result));
    await save(from);
  };

  const start = async (whole: Staged, from: RequestBook): Promise<Reply> => {
    staged = undefined;
    const content = openParcel(whole.parcel);
    if (content === undefined) return { at: 'error', rc: benchErrors.hash };
    const { id, kind, parcel } = whole;
    const order = { id, kind, length: parcel.length, hash: parcel.slice(0, parcelHashBytes) };
    from.start(order);
    // [LINK-6.5] Noted before it runs: after a restart the device knows that it may have happened.
    await save(from);
    run(order, content, from).catch((error: unknown) => {
      parts.log.error('link-memory-broke', { error: error instanceof Error ? error.name : typeof error });
    });
    return state(parcel.length, requestStates.running);
  };

  /** What an earlier arrival of the same id decides; undefined when the id is new. */
  const earlier = (chunk: Chunk, entry: Entry, from: RequestBook): Reply | undefined => {
    if (!sameOrder(entry, chunk)) return { at: 'error', rc: benchErrors.idReused };
    switch (entry.at) {
      case 'running':
        return state(entry.length, requestStates.running);
      case 'done':
        return state(entry.length, requestStates.done);
      case 'interrupted':
        if (entry.kind === tpmKind) return { at: 'error', rc: benchErrors.interrupted };
        // [LINK-6.5] All other handlers are safe to run again under the same id.
        from.forget(entry.id);
        return undefined;
    }
  };

  return {
    async read(object, offset) {
      const known = Object.values(objects).find((each) => each === object);
      if (known === undefined) return { at: 'error', rc: benchErrors.unsupported };
      if (offset === 0) {
        const content = await readObject(device, known);
        if (!content.ok) return { at: 'error', rc: benchErrors.internal };
        snapshot = { object: known, parcel: packParcel(content.value) };
      }
      // [LINK-6.2] Later chunks come from the copy that the first one was cut from.
      if (snapshot?.object !== known) return { at: 'error', rc: benchErrors.offset };
      return cut(snapshot.parcel, offset, room);
    },
    async send(map) {
      const chunk = chunkFrom(map);
      if (typeof chunk === 'number') return { at: 'error', rc: chunk };
      if (!isSupported(device, chunk.kind)) return { at: 'error', rc: benchErrors.unsupported };
      const from = await opened();
      const entry = from.find(chunk.id);
      const decided = entry && earlier(chunk, entry, from);
      if (decided !== undefined) return decided;
      if (from.running !== undefined) return { at: 'error', rc: benchErrors.busy };
      staged = stage(staged, chunk);
      if (staged === undefined) return state(0, requestStates.receiving);
      if (staged.kind !== chunk.kind || staged.parcel.length !== chunk.length) {
        return { at: 'error', rc: benchErrors.idReused };
      }
      // [LINK-6.2] Any other offset is answered with the one that is wanted, and nothing is stored.
      if (chunk.offset !== staged.have) return state(staged.have, requestStates.receiving);
      staged.parcel.set(chunk.data, staged.have);
      staged.have += chunk.data.length;
      return staged.have === chunk.length ? start(staged, from) : state(staged.have, requestStates.receiving);
    },
    async ask(map) {
      const id = bytesAt(map, 'r');
      const offset = uintAt(map, 'o', maxParcelBytes);
      if (id === undefined || offset === undefined) return { at: 'error', rc: benchErrors.malformed };
      const entry = (await opened()).find(id);
      if (entry === undefined) return { at: 'error', rc: benchErrors.unknownRequest };
      switch (entry.at) {
        case 'running':
          return { at: 'answer', members: { s: requestStates.running } };
        case 'interrupted':
          return { at: 'error', rc: entry.kind === tpmKind ? benchErrors.interrupted : benchErrors.unknownRequest };
        case 'done': {
          const reply = cut(entry.result, offset, room);
          return reply.at === 'error' ? reply : { at: 'answer', members: { ...reply.members, s: requestStates.done } };
        }
      }
    },
  };
}

const tpmKind = 0;

function stage(staged: Staged | undefined, chunk: Chunk): Staged | undefined {
  if (staged !== undefined && toHex(staged.id) === toHex(chunk.id)) return staged;
  if (chunk.offset !== 0) return staged === undefined ? undefined : undefined;
  return { id: chunk.id, kind: chunk.kind, parcel: new Uint8Array(chunk.length), have: 0 };
}

function state(offset: number, s: number): Reply {
  return { at: 'answer', members: { o: offset, s } };
}

function cut(parcel: Uint8Array, offset: number, room: number): Reply {
  if (offset >= parcel.length) return { at: 'error', rc: benchErrors.offset };
  return { at: 'answer', members: { o: offset, l: parcel.length, d: parcel.slice(offset, offset + room) } };
}

function chunkFrom(map: CborMap): Chunk | number {
  const id = bytesAt(map, 'r');
  const offset = uintAt(map, 'o', 0xffff_ffff);
  const length = uintAt(map, 'l', 0xffff_ffff);
  const data = bytesAt(map, 'd');
  if (id?.length !== wireRequestIdBytes || offset === undefined || length === undefined || data === undefined) {
    return benchErrors.malformed;
  }
  if (length > maxParcelBytes) return benchErrors.tooLong;
  const kind = kindOf(map.get('k'));
  if (kind === undefined) return benchErrors.unsupported;
  if (length < parcelHashBytes || data.length === 0 || offset + data.length > length) return benchErrors.malformed;
  return { id, kind, offset, length, data };
}

async function runGuarded(
  device: LinkDevice,
  order: Order,
  content: Uint8Array,
  parts: LinkServerParts,
): Promise<Result<Uint8Array>> {
  try {
    return await runOrder(device, { requestId: toHex(order.id), kind: order.kind, content });
  } catch (error) {
    // A bug of the device is told to the station as one; its text may hold anything and stays here.
    parts.log.error('link-request-broke', {
      kind: order.kind,
      error: error instanceof Error ? error.name : typeof error,
    });
    return failed(faultOfDevice('internal'));
  }
}
