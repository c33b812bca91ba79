/** The station's side of a request [LINK-6]: the parcel up in chunks, started, asked for, and the result down in chunks. */
import { backoffMs } from '../base/backoff.ts';
import type { CancelSignal } from '../base/cancel.ts';
import { sleep } from '../base/clock.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { bytesAt, encodeMap, uintAt } from './cbor-map.ts';
import type { Answer, Exchange, Refusal } from './exchange.ts';
import { linkFault } from './faults.ts';
import { framingBytes, maxParcelBytes, maxRequestRounds } from './limits.ts';
import {
  benchErrors,
  benchGroup,
  decodeResult,
  requestKinds,
  requestStates,
  smpErrors,
  type ObjectNumber,
  type RequestKind,
} from './messages.ts';
import { openParcel, packParcel, parcelHashBytes } from './parcel.ts';
import { smpHeaderBytes } from './smp-packet.ts';
import type { LinkLimits, LinkParts } from './types.ts';

export interface Request {
  /** [LINK-6.3] 16 bytes. */
  readonly id: Uint8Array;
  readonly kind: RequestKind;
  readonly content: Uint8Array;
}

export interface Requester {
  /** Runs the request to its end, once; its result's value. */
  perform(request: Request, signal?: CancelSignal): Promise<Result<Uint8Array>>;
  /** Fetches an object whole [LINK-5.1]. */
  fetch(object: ObjectNumber, signal?: CancelSignal): Promise<Result<Uint8Array>>;
}

export interface RequesterParts extends Pick<LinkParts, 'clock' | 'random'> {
  readonly exchange: Exchange;
  readonly limits: LinkLimits;
  readonly bufferBytes: () => number;
}

/** How a round ended: with a value, with a fault, or so that the request is sent again from its first byte. */
type Round<T> = Result<T> | 'again';

interface Chunk {
  readonly offset: number;
  readonly length: number;
  readonly data: Uint8Array;
}

export function createRequester(parts: RequesterParts): Requester {
  const { exchange, limits, clock } = parts;

  const rounds = async <T>(round: () => Promise<Round<T>>): Promise<Result<T>> => {
    for (let count = 0; count < maxRequestRounds; count += 1) {
      const ended = await round();
      if (ended !== 'again') return ended;
    }
    return failed(linkFault('link-garbled', { rounds: maxRequestRounds }));
  };

  const pause = async (attempt: number, untilMs: number, signal?: CancelSignal): Promise<Result<void>> => {
    const waitMs = backoffMs(attempt, parts.random.fraction(), { firstMs: limits.askFirstMs, maxMs: limits.askMaxMs });
    await sleep(clock, waitMs, signal);
    if (signal?.aborted === true) return failed(linkFault('link-cancelled'));
    if (clock.monotonicMs() < untilMs) return ok();
    return failed(linkFault('link-slow', { seconds: Math.round(limits.requestTimeoutMs / 1_000) }));
  };

  /** [LINK-6.2] Follows the offsets that the device answers, until the parcel is whole there. */
  const send = async (request: Request, parcel: Uint8Array, on: Waits): Promise<Round<void>> => {
    const room = parts.bufferBytes() - sendOverhead(request.id);
    let offset = 0;
    // A device that never gets further is given up: each chunk may be asked for twice.
    for (let step = 0; step < 2 * Math.ceil(parcel.length / room) + 2; step += 1) {
      const data = parcel.subarray(offset, offset + room);
      const members = { r: request.id, k: request.kind, o: offset, l: parcel.length, d: data };
      const asked = await exchange.ask(
        { write: true, group: benchGroup.id, command: benchGroup.send, members },
        on.signal,
      );
      if (!asked.ok) return asked;
      if (asked.value.at === 'refused') {
        if (isOurs(asked.value.refusal, benchErrors.hash)) return 'again';
        if (!isOurs(asked.value.refusal, benchErrors.busy)) return refused(asked.value.refusal);
        const paused = await pause(step + 1, on.untilMs, on.signal);
        if (!paused.ok) return paused;
        // What runs may take as long as any request; only the time bounds this wait.
        step -= 1;
        on.attempt += 1;
        continue;
      }
      const next = uintAt(asked.value.map, 'o', parcel.length);
      const state = uintAt(asked.value.map, 's', requestStates.done);
      if (next === undefined || state === undefined) return failed(linkFault('link-unreadable'));
      if (state !== requestStates.receiving) return ok();
      offset = next;
    }
    return failed(linkFault('link-garbled', { offset, bytes: parcel.length }));
  };

  /** [LINK-6.4] Asks until the result is there. A device that does not know the request any more has restarted. */
  const result = async (request: Request, on: Waits): Promise<Round<Uint8Array>> => {
    const members = { r: request.id };
    for (let attempt = 1; ; attempt += 1) {
      const read = await readChunks(
        (offset) =>
          exchange.ask(
            { write: false, group: benchGroup.id, command: benchGroup.ask, members: { ...members, o: offset } },
            on.signal,
          ),
        requestStates.done,
      );
      if (read.at === 'whole') return opened(read.parcel);
      if (read.at === 'failed') return read.failed;
      if (read.at === 'again') return 'again';
      if (read.at === 'refused') {
        if (!isOurs(read.refusal, benchErrors.unknownRequest)) return refused(read.refusal);
        return request.kind === requestKinds.tpm ? failed(linkFault('link-interrupted')) : 'again';
      }
      const paused = await pause(attempt, on.untilMs, on.signal);
      if (!paused.ok) return paused;
    }
  };

  return {
    async perform(request, signal) {
      const parcel = packParcel(request.content);
      if (parcel.length > maxParcelBytes) {
        return failed(linkFault('link-too-long', { bytes: request.content.length }));
      }
      const on: Waits = { untilMs: clock.monotonicMs() + limits.requestTimeoutMs, signal, attempt: 1 };
      const performed = await rounds(async () => {
        const sent = await send(request, parcel, on);
        if (sent === 'again' || !sent.ok) return sent;
        return result(request, on);
      });
      if (!performed.ok) return performed;
      const outcome = decodeResult(performed.value);
      if (outcome === undefined) return failed(linkFault('link-unreadable'));
      if (outcome.at === 'done') return ok(outcome.value);
      return failed(linkFault('device-refused', { deviceCode: outcome.code, message: outcome.message }));
    },
    async fetch(object, signal) {
      return rounds(async () => {
        const read = await readChunks(
          (offset) =>
            exchange.ask(
              { write: false, group: benchGroup.id, command: benchGroup.read, members: { n: object, o: offset } },
              signal,
            ),
          undefined,
        );
        if (read.at === 'whole') return opened(read.parcel);
        if (read.at === 'failed') return read.failed;
        if (read.at === 'refused' && !isOurs(read.refusal, benchErrors.offset)) return refused(read.refusal);
        return 'again';
      });
    },
  };
}

interface Waits {
  readonly untilMs: number;
  readonly signal: CancelSignal | undefined;
  attempt: number;
}

type ChunkRead =
  | { readonly at: 'whole'; readonly parcel: Uint8Array }
  | { readonly at: 'running' }
  | { readonly at: 'again' }
  | { readonly at: 'refused'; readonly refusal: Refusal }
  | { readonly at: 'failed'; readonly failed: Result<never> };

/** [LINK-6.2] Reads a parcel by offset. Every answer carries at least one byte, so the loop ends. */
async function readChunks(
  ask: (offset: number) => Promise<Result<Answer>>,
  doneState: number | undefined,
): Promise<ChunkRead> {
  const parcel = { bytes: new Uint8Array(0), have: 0 };
  for (;;) {
    const asked = await ask(parcel.have);
    if (!asked.ok) return { at: 'failed', failed: asked };
    if (asked.value.at === 'refused') return { at: 'refused', refusal: asked.value.refusal };
    const { map } = asked.value;
    if (doneState !== undefined && uintAt(map, 's', doneState) !== doneState) {
      return uintAt(map, 's', doneState) === undefined ? unreadable() : { at: 'running' };
    }
    const chunk = chunkIn(map);
    if (chunk === undefined) return unreadable();
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

function chunkIn(map: ReadonlyMap<string, unknown>): Chunk | undefined {
  const length = uintAt(map, 'l', maxParcelBytes);
  const offset = uintAt(map, 'o', maxParcelBytes);
  const data = bytesAt(map, 'd');
  if (length === undefined || offset === undefined || data === undefined) return undefined;
  if (length < parcelHashBytes || data.length === 0 || offset + data.length > length) return undefined;
  return { length, offset, data };
}

function unreadable(): ChunkRead {
  return { at: 'failed', failed: failed(linkFault('link-unreadable')) };
}

function opened(parcel: Uint8Array): Round<Uint8Array> {
  const content = openParcel(parcel);
  return content === undefined ? 'again' : ok(content);
}

function isOurs(refusal: Refusal, rc: number): boolean {
  return refusal.group === benchGroup.id && refusal.rc === rc;
}

function refused(refusal: Refusal): Result<never> {
  const known = {
    [benchErrors.interrupted]: 'link-interrupted',
    [benchErrors.unsupported]: 'link-unsupported',
    [benchErrors.idReused]: 'link-id-reused',
  } as const;
  if (refusal.group === benchGroup.id) {
    const code = Object.entries(known).find(([rc]) => Number(rc) === refusal.rc)?.[1];
    if (code !== undefined) return failed(linkFault(code));
  }
  if (refusal.group === undefined && refusal.rc === smpErrors.notSupported)
    return failed(linkFault('link-unsupported'));
  return failed(linkFault('link-refused', { group: refusal.group ?? 'SMP', rc: refusal.rc }));
}

/** All of a `send` packet but its data, with the longest offset, length and data length [LINK-4.3]. */
function sendOverhead(id: Uint8Array): number {
  const members = { r: id, k: requestKinds.boot, o: 0xffff, l: 0xffff, d: new Uint8Array(0) };
  const longDataLength = 2;
  return smpHeaderBytes + framingBytes + encodeMap(members).length + longDataLength;
}
