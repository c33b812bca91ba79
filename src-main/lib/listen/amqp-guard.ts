/**
 * Looks at each frame before the engine does, and refuses what the engine would not survive or would print: a loop over
 * four billion deliveries, a frame size of a few bytes, a message without end, transfers beyond the credit, values that
 * claim more than they hold, sections and states that it does not know.
 */
import type { AmqpError } from './amqp.ts';
import { hasFieldTypes } from './amqp-field-types.ts';
import { messageIds, type MessageIds } from './amqp-message-ids.ts';
import { booleanAt, listFields, readConstructor, skipValue, unsignedAt } from './amqp-scan.ts';

export interface GuardLimits {
  readonly maxMessageBytes: number;
  readonly maxSessions: number;
  readonly maxLinks: number;
}

/** What the guard asks of the engine: what is there by the client's channels and handles. */
export interface EngineView {
  isBegun(channel: number): boolean;
  isAttached(channel: number, handle: number): boolean;
  /** The link that the client sends on; undefined when there is none. */
  receiver(channel: number, handle: number): { readonly credit: number } | undefined;
}

export interface AmqpGuard {
  /** Why the connection must end; undefined when the frame may go on. */
  refuses(frame: Buffer): AmqpError | undefined;
  /** Of the message that the frame just looked at completes. */
  readonly ids: MessageIds;
}

// Performatives by their descriptors (AMQP 1.0 section 2.7).
const codes = { open: 0x10, begin: 0x11, attach: 0x12, flow: 0x13, transfer: 0x14, disposition: 0x15, detach: 0x16, end: 0x17, close: 0x18 }; // prettier-ignore

// Section 2.7.1: no peer may announce less.
const minMaxFrameSize = 512;
// What a piece costs beside its bytes, so that many small ones count too.
const frameOverhead = 64;
// More than a session ever has unsettled (engine's session buffer).
const maxDispositionSpan = 4_096;
// received, accepted, rejected, released, modified (section 3.4): no transactions here.
const outcomeCodes = { first: 0x23, last: 0x27 };
const terminusCodes = { source: 0x28, target: 0x29 };
const nullCode = 0x40;

interface Performative {
  readonly code: number;
  readonly channel: number;
  readonly frame: Buffer;
  readonly fields: readonly number[];
  readonly payload: Buffer;
}

interface Unfinished {
  readonly pieces: Buffer[];
  frameBytes: number;
}

interface State {
  readonly limits: GuardLimits;
  readonly engine: EngineView;
  /** Pieces of messages that are not complete, by channel and handle. */
  readonly unfinished: Map<string, Unfinished>;
  /** With the frames that they came in, which stay in memory as long. */
  unfinishedBytes: number;
  opened: boolean;
  ids: MessageIds;
}

export function createAmqpGuard(limits: GuardLimits, engine: EngineView): AmqpGuard {
  const state: State = { limits, engine, unfinished: new Map(), unfinishedBytes: 0, opened: false, ids: {} };
  return {
    refuses(frame) {
      const bodyAt = (frame[4] ?? 0) * 4;
      if (frame[5] !== 0 || bodyAt < 8 || bodyAt > frame.length) return framing('The frame is malformed.');
      // an empty frame is a heartbeat
      if (bodyAt === frame.length) return undefined;
      const performative = read(frame, bodyAt);
      if (performative === undefined) return malformed('The performative cannot be decoded.');
      if (state.opened === (performative.code === codes.open)) return framing('An open was expected, once.');
      return check(state, performative);
    },
    get ids() {
      return state.ids;
    },
  };
}

function read(frame: Buffer, bodyAt: number): Performative | undefined {
  const end = skipValue(frame, bodyAt);
  const constructor = end < 0 ? undefined : readConstructor(frame, bodyAt);
  const fields = constructor === undefined ? undefined : listFields(frame, constructor);
  if (constructor?.descriptor === undefined || fields === undefined) return undefined;
  const payload = frame.subarray(end);
  return { code: constructor.descriptor, channel: frame.readUInt16BE(6), frame, fields, payload };
}

type Check = (state: State, performative: Performative) => AmqpError | undefined;

const checks: ReadonlyMap<number, Check> = new Map<number, Check>([
  [codes.open, checkOpen],
  [codes.begin, checkBegin],
  [codes.attach, checkAttach],
  [codes.flow, checkFlow],
  [codes.transfer, checkTransfer],
  [codes.disposition, checkDisposition],
  [codes.detach, forgetLink],
  [codes.end, forgetSession],
  [codes.close, () => undefined],
]);

function check(state: State, performative: Performative): AmqpError | undefined {
  const known = checks.get(performative.code);
  if (known === undefined) return { condition: 'amqp:not-implemented', description: 'The performative is unknown.' };
  const { code, frame, fields } = performative;
  return hasFieldTypes(code, frame, fields) ? known(state, performative) : malformed('A field is not of its type.');
}

function forgetLink(state: State, { channel, frame, fields }: Performative): undefined {
  drop(state, keyOf(channel, unsignedAt(frame, fields[0]) ?? 0));
}

function forgetSession(state: State, { channel }: Performative): undefined {
  for (const key of state.unfinished.keys()) if (key.startsWith(`${channel}:`)) drop(state, key);
}

function checkOpen(state: State, { frame, fields }: Performative): AmqpError | undefined {
  state.opened = true;
  const maxFrameSize = unsignedAt(frame, fields[2]);
  if (maxFrameSize !== undefined && maxFrameSize < minMaxFrameSize) return framing('max-frame-size is below 512.');
  return undefined;
}

function checkBegin({ limits, engine }: State, { channel }: Performative): AmqpError | undefined {
  if (channel >= limits.maxSessions) return exceeded('There are too many sessions.');
  return engine.isBegun(channel) ? framing('The channel is in use.') : undefined;
}

function checkAttach({ limits, engine }: State, { channel, frame, fields }: Performative): AmqpError | undefined {
  const handle = unsignedAt(frame, fields[1]);
  if (handle === undefined) return malformed('The attach has no handle.');
  if (handle >= limits.maxLinks) return exceeded('There are too many links.');
  if (engine.isAttached(channel, handle)) {
    return { condition: 'amqp:session:handle-in-use', description: 'The handle is in use.' };
  }
  // A transaction coordinator is one that the engine does not know.
  const known = isNullOr(frame, fields[5], terminusCodes.source) && isNullOr(frame, fields[6], terminusCodes.target);
  return known ? undefined : { condition: 'amqp:not-implemented', description: 'The terminus is unknown.' };
}

function isNullOr(frame: Buffer, at: number | undefined, descriptor: number): boolean {
  if (at === undefined || frame[at] === nullCode) return true;
  return readConstructor(frame, at)?.descriptor === descriptor;
}

function checkFlow(state: State, performative: Performative): AmqpError | undefined {
  const { frame, fields, channel } = performative;
  const handle = unsignedAt(frame, fields[4]);
  if (handle === undefined || state.engine.receiver(channel, handle) === undefined) return undefined;
  // Section 2.6.7: only the receiver grants credit.
  const credit = unsignedAt(frame, fields[6]) ?? 0;
  const drains = booleanAt(frame, fields[8]) && credit > 0;
  return drains ? { condition: 'amqp:not-allowed', description: 'A sender cannot drain.' } : undefined;
}

function checkDisposition(_state: State, { frame, fields }: Performative): AmqpError | undefined {
  const first = unsignedAt(frame, fields[1]);
  if (first === undefined) return malformed('The disposition names no delivery.');
  const last = unsignedAt(frame, fields[2]) ?? first;
  if (last - first > maxDispositionSpan) return exceeded('The disposition spans too many deliveries.');
  return isOutcome(frame, fields[4]) ? undefined : malformed('The delivery state is unknown.');
}

function isOutcome(frame: Buffer, at: number | undefined): boolean {
  if (at === undefined || frame[at] === nullCode) return true;
  const state = readConstructor(frame, at)?.descriptor ?? 0;
  return state >= outcomeCodes.first && state <= outcomeCodes.last;
}

function checkTransfer(state: State, performative: Performative): AmqpError | undefined {
  const { channel, frame, fields, payload } = performative;
  const handle = unsignedAt(frame, fields[0]);
  const link = handle === undefined ? undefined : state.engine.receiver(channel, handle);
  if (handle === undefined || link === undefined) return { condition: 'amqp:session:unattached-handle', description: 'There is no such link.' }; // prettier-ignore
  if (link.credit <= 0) return { condition: 'amqp:link:transfer-limit-exceeded', description: 'There is no credit.' };
  if (booleanAt(frame, fields[9]))
    return { condition: 'amqp:not-implemented', description: 'Nothing is aborted here.' };
  if (payload.length === 0) return malformed('The transfer is empty.');
  const key = keyOf(channel, handle);
  // Section 2.7.5: only what continues a message may leave it out.
  const isNamed = unsignedAt(frame, fields[1]) !== undefined || state.unfinished.has(key);
  return isNamed ? collect(state, key, performative) : malformed('The transfer has no delivery-id.');
}

/** Until the message is complete: then it is read once more before the engine reads it. */
function collect(state: State, key: string, { frame, fields, payload }: Performative): AmqpError | undefined {
  const frameBytes = frame.length + frameOverhead;
  if (state.unfinishedBytes + frameBytes > state.limits.maxMessageBytes) {
    return { condition: 'amqp:link:message-size-exceeded', description: 'The message is too large.' };
  }
  const message = state.unfinished.get(key) ?? { pieces: [], frameBytes: 0 };
  message.pieces.push(payload);
  if (booleanAt(frame, fields[5])) {
    message.frameBytes += frameBytes;
    state.unfinishedBytes += frameBytes;
    state.unfinished.set(key, message);
    return undefined;
  }
  drop(state, key);
  const ids = messageIds(message.pieces.length === 1 ? payload : Buffer.concat(message.pieces));
  if (ids === undefined) return malformed('The message cannot be decoded.');
  state.ids = ids;
  return undefined;
}

function drop(state: State, key: string): void {
  state.unfinishedBytes -= state.unfinished.get(key)?.frameBytes ?? 0;
  state.unfinished.delete(key);
}

function keyOf(channel: number, handle: number): string {
  return `${channel}:${handle}`;
}

function framing(description: string): AmqpError {
  return { condition: 'amqp:connection:framing-error', description };
}

function malformed(description: string): AmqpError {
  return { condition: 'amqp:decode-error', description };
}

function exceeded(description: string): AmqpError {
  return { condition: 'amqp:resource-limit-exceeded', description };
}
