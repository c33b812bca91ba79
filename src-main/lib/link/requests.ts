/** The station's side of a request [LINK-6]: the parcel up in chunks, started, asked for, and the result down in chunks. */
import { backoffMs } from '../base/backoff.ts';
import type { CancelSignal } from '../base/cancel.ts';
import { sleep } from '../base/clock.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { encodeMap, uintAt } from './cbor-map.ts';
import { readChunks } from './chunk-reader.ts';
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
import { openParcel, packParcel } from './parcel.ts';
import { smpHeaderBytes } from './smp-packet.ts';
import type { LinkLimits, LinkParts } from './types.ts';

interface Request {
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

export function createRequester(parts: RequesterParts): Requester {
  return {
    async perform(request, signal) {
      const parcel = packParcel(request.content);
      if (parcel.length > maxParcelBytes) {
        return failed(linkFault('link-too-long', { bytes: request.content.length }));
      }
      const untilMs = parts.clock.monotonicMs() + parts.limits.requestTimeoutMs;
      const errand: Errand = { ...parts, request, parcel, untilMs, signal };
      const performed = await rounds(async () => {
        const sent = await send(errand);
        return sent === 'again' || !sent.ok ? sent : fetchResult(errand, sent.value);
      });
      if (!performed.ok) return performed;
      const outcome = decodeResult(performed.value);
      if (outcome === undefined) return failed(linkFault('link-unreadable'));
      if (outcome.at === 'done') return ok(outcome.value);
      return failed(linkFault('device-refused', { deviceCode: outcome.code, message: outcome.message }));
    },
    async fetch(object, signal) {
      const ask = (offset: number): Promise<Result<Answer>> =>
        parts.exchange.ask(
          { write: false, group: benchGroup.id, command: benchGroup.read, members: { n: object, o: offset } },
          signal,
        );
      return rounds(async () => {
        const read = await readChunks(ask, undefined);
        if (read.at === 'whole') return opened(read.parcel);
        if (read.at === 'failed') return read.failed;
        // A device that restarted between two chunks has lost the copy they were cut from.
        if (read.at === 'refused' && !isOurs(read.refusal, benchErrors.offset)) return refused(read.refusal);
        return 'again';
      });
    },
  };
}

/** One request on its way. */
interface Errand extends RequesterParts {
  readonly request: Request;
  readonly parcel: Uint8Array;
  readonly untilMs: number;
  readonly signal: CancelSignal | undefined;
}

async function rounds<T>(round: () => Promise<Round<T>>): Promise<Result<T>> {
  for (let count = 0; count < maxRequestRounds; count += 1) {
    const ended = await round();
    if (ended !== 'again') return ended;
  }
  return failed(linkFault('link-garbled', { rounds: maxRequestRounds }));
}

/** @param askedMs when the device was asked: what it took to answer is time waited already [LINK-6.9] */
async function pause(errand: Errand, attempt: number, askedMs: number): Promise<Result<void>> {
  const { clock, limits, random, signal } = errand;
  const everyMs = backoffMs(attempt, random.fraction(), { firstMs: limits.askFirstMs, maxMs: limits.askMaxMs });
  await sleep(clock, Math.max(0, askedMs + everyMs - clock.monotonicMs()), signal);
  if (signal?.aborted === true) return failed(linkFault('link-cancelled'));
  if (clock.monotonicMs() < errand.untilMs) return ok();
  return failed(linkFault('link-slow', { seconds: Math.round(limits.requestTimeoutMs / 1_000) }));
}

/** [LINK-6.2] Follows the offsets that the device answers, until the parcel is whole there; gives its last answer. */
async function send(errand: Errand): Promise<Round<Answer>> {
  const { parcel, request } = errand;
  const room = errand.bufferBytes() - sendOverhead(request.id);
  let offset = 0;
  // A device that never gets further is given up: each chunk may be asked for twice.
  for (let chunks = 2 * Math.ceil(parcel.length / room) + 2; chunks > 0; chunks -= 1) {
    const sent = await sendChunk(errand, offset, room);
    if (sent === 'again' || !sent.ok) return sent;
    if (typeof sent.value !== 'number') return ok(sent.value);
    offset = sent.value;
  }
  return failed(linkFault('link-garbled', { offset, bytes: parcel.length }));
}

/**
 * The offset that the device wants next, or its answer once it wants nothing more. While it is busy with another
 * request, the chunk is sent again.
 */
async function sendChunk(errand: Errand, offset: number, room: number): Promise<Round<number | Answer>> {
  const { parcel, request } = errand;
  const data = parcel.subarray(offset, offset + room);
  const members = { r: request.id, k: request.kind, o: offset, l: parcel.length, d: data };
  const question = { write: true, group: benchGroup.id, command: benchGroup.send, members };
  for (let attempt = 1; ; attempt += 1) {
    const askedMs = errand.clock.monotonicMs();
    const asked = await errand.exchange.ask(question, errand.signal);
    if (!asked.ok) return asked;
    if (asked.value.at === 'answered') {
      const next = uintAt(asked.value.map, 'o', parcel.length);
      const state = uintAt(asked.value.map, 's', requestStates.done);
      if (next === undefined || state === undefined) return failed(linkFault('link-unreadable'));
      return ok(state === requestStates.receiving ? next : asked.value);
    }
    if (isOurs(asked.value.refusal, benchErrors.hash)) return 'again';
    if (!isOurs(asked.value.refusal, benchErrors.busy)) return refused(asked.value.refusal);
    const paused = await pause(errand, attempt, askedMs);
    if (!paused.ok) return paused;
  }
}

/**
 * [LINK-6.4] Asks until the result is there. A device that does not know the request any more has restarted.
 * @param sent the answer to the last `send`, which may bring the first chunk [LINK-6.9]
 */
async function fetchResult(errand: Errand, sent: Answer): Promise<Round<Uint8Array>> {
  const { request } = errand;
  let first = firstChunkIn(sent);
  const ask = async (offset: number): Promise<Result<Answer>> => {
    const given = offset === 0 ? first : undefined;
    first = undefined;
    const question = { write: false, group: benchGroup.id, command: benchGroup.ask };
    const members = { r: request.id, o: offset };
    return given === undefined ? errand.exchange.ask({ ...question, members }, errand.signal) : ok(given);
  };
  for (let attempt = 1; ; attempt += 1) {
    const askedMs = errand.clock.monotonicMs();
    const read = await readChunks(ask, requestStates.done);
    if (read.at === 'whole') return opened(read.parcel);
    if (read.at === 'failed') return read.failed;
    if (read.at === 'again') return 'again';
    if (read.at === 'refused') {
      if (!isOurs(read.refusal, benchErrors.unknownRequest)) return refused(read.refusal);
      return request.kind === requestKinds.tpm ? failed(linkFault('link-interrupted')) : 'again';
    }
    const paused = await pause(errand, attempt, askedMs);
    if (!paused.ok) return paused;
  }
}

/** As `ask` at offset 0 would have answered; undefined where the device leaves the result to be asked for. */
function firstChunkIn(sent: Answer): Answer | undefined {
  if (sent.at !== 'answered' || !sent.map.has('d')) return undefined;
  return { at: 'answered', map: new Map([...sent.map, ['o', 0]]) };
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
