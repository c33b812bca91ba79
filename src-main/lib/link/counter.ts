/** The device's counter: takes requests in chunks, has them run, hands results and objects out in chunks [LINK-5, LINK-6]. */
import { unreachable } from '../base/result.ts';
import { bytesAt, encodeMap, uintAt, type CborMap } from './cbor-map.ts';
import { createClerk, holdOf, isOnceOnly, type Chunk, type Reply } from './clerk.ts';
import { isSupported, readObject } from './device-desk.ts';
import { framingBytes, maxParcelBytes } from './limits.ts';
import { benchErrors, objects, requestStates, type ObjectNumber } from './messages.ts';
import { packParcel, parcelHashBytes, wireRequestIdBytes } from './parcel.ts';
import { kindOf } from './request-book.ts';
import { smpHeaderBytes } from './smp-packet.ts';
import type { LinkDevice, LinkServerParts } from './types.ts';

export interface Counter {
  read(object: number, offset: number): Promise<Reply>;
  send(map: CborMap): Promise<Reply>;
  ask(map: CborMap): Promise<Reply>;
}

export function createCounter(device: LinkDevice, parts: LinkServerParts & { readonly bufferBytes: number }): Counter {
  // Everything of an answer that is not data: header, framing and the longest members [LINK-4.3].
  const members = { s: requestStates.done, o: 0xffff, l: 0xffff, d: new Uint8Array(0) };
  const longDataLength = 2;
  const room = parts.bufferBytes - smpHeaderBytes - framingBytes - encodeMap(members).length - longDataLength;
  const clerk = createClerk(device, parts);
  let snapshot: { readonly object: ObjectNumber; readonly parcel: Uint8Array } | undefined;

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
      const taken = await clerk.take(chunk);
      const isWhole = taken.at === 'answer' && taken.members['s'] !== requestStates.receiving;
      if (!isWhole || holdOf(parts) === 0) return taken;
      const entry = await clerk.ended(chunk.id);
      // [LINK-6.9] Quickly done: the answer brings the first chunk of the result, which saves an exchange.
      return entry?.at === 'done' ? withResult(taken, cut(entry.result, 0, room)) : taken;
    },
    async ask(map) {
      const id = bytesAt(map, 'r');
      const offset = uintAt(map, 'o', maxParcelBytes);
      if (id === undefined || offset === undefined) return { at: 'error', rc: benchErrors.malformed };
      const entry = await clerk.ended(id);
      if (entry === undefined) return { at: 'error', rc: benchErrors.unknownRequest };
      switch (entry.at) {
        case 'running':
          return { at: 'answer', members: { s: requestStates.running } };
        case 'interrupted':
          return { at: 'error', rc: isOnceOnly(entry.kind) ? benchErrors.interrupted : benchErrors.unknownRequest };
        case 'done': {
          const reply = cut(entry.result, offset, room);
          return reply.at === 'error' ? reply : { at: 'answer', members: { ...reply.members, s: requestStates.done } };
        }
        default:
          return unreachable(entry);
      }
    },
  };
}

function cut(parcel: Uint8Array, offset: number, room: number): Reply {
  if (offset >= parcel.length) return { at: 'error', rc: benchErrors.offset };
  return { at: 'answer', members: { o: offset, l: parcel.length, d: parcel.slice(offset, offset + room) } };
}

/** `o` stays what it is in the answer to a `send`: the next offset wanted of the request. */
function withResult(taken: Extract<Reply, { at: 'answer' }>, first: Reply): Reply {
  if (first.at === 'error') return taken;
  return { at: 'answer', members: { ...first.members, ...taken.members, s: requestStates.done } };
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
