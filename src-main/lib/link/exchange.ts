/** One SMP request and its answer at a time: sequence numbers, timeouts, repeats [LINK-3.3, LINK-3.4]. */
import { createLane } from '../base/lane.ts';
import type { CancelSignal } from '../base/cancel.ts';
import type { Clock } from '../base/clock.ts';
import type { Fault } from '../base/fault.ts';
import { failed, ok, type Result } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { decodeMap, encodeMap, isTextMap, uintAt, type CborMap } from './cbor-map.ts';
import { createFrameDecoder, encodeFrames } from './console-frame.ts';
import { linkFault } from './faults.ts';
import { maxBufferBytes, maxWaitingExchanges } from './limits.ts';
import { decodePacket, encodePacket, smpOps, smpVersions, type SmpPacket } from './smp-packet.ts';
import type { LinkLimits, LinkParts } from './types.ts';

interface Question {
  readonly write: boolean;
  readonly group: number;
  readonly command: number;
  readonly members: Readonly<Record<string, unknown>>;
}

/** The device's no [LINK-3.5]: `group` is undefined for an error of SMP itself. */
export interface Refusal {
  readonly group: number | undefined;
  readonly rc: number;
}

export type Answer =
  { readonly at: 'answered'; readonly map: CborMap } | { readonly at: 'refused'; readonly refusal: Refusal };

export interface Pace {
  readonly attempts: number;
  readonly replyTimeoutMs: number;
}

export interface Exchange {
  ask(question: Question, signal?: CancelSignal, pace?: Pace): Promise<Result<Answer>>;
  /** Ends a line that the device may hold half of [LINK-4.4]. */
  endLine(): Promise<Result<void>>;
  close(): Promise<void>;
}

/** What one attempt saw. */
type Heard = { readonly at: 'silent' } | { readonly at: 'cancelled' } | { readonly at: 'closed' } | Answer;

interface Waiting {
  readonly sequence: number;
  readonly question: Question;
  readonly hear: (heard: Heard) => void;
}

export function createExchange(stream: ByteStream, parts: LinkParts, limits: LinkLimits): Exchange {
  const lane = createLane(maxWaitingExchanges);
  const ear = createEar(stream);
  // [LINK-3.3] A fresh start, so that answers to an earlier session of this station do not fit.
  let sequence = parts.random.bytes(1)[0] ?? 0;

  const attempt = async (frames: Uint8Array, question: Question, timing: Timing): Promise<Heard> => {
    const heard = listen(ear, { sequence, question }, timing, parts.clock);
    const written = await stream.write(frames);
    if (!written.ok) ear.close(written.fault);
    return heard;
  };
  const run = async (question: Question, pace: Pace, signal?: CancelSignal): Promise<Result<Answer>> => {
    sequence = (sequence + 1) & 255;
    const before = ear.discarded();
    const frames = encodeFrames(packetOf(question, sequence));
    for (let count = 0; count < pace.attempts; count += 1) {
      if (signal?.aborted === true) return failed(linkFault('link-cancelled'));
      if (ear.closed !== undefined) return failed(lost(ear.closed.reason));
      // [LINK-3.4] A repeat keeps its number: a late answer to the first attempt answers the same question.
      const heard = await attempt(frames, question, { replyTimeoutMs: pace.replyTimeoutMs, signal });
      if (heard.at === 'answered' || heard.at === 'refused') {
        if (count > 0) parts.log.info('link-repeated', { attempts: count + 1 });
        return ok(heard);
      }
    }
    if (ear.closed !== undefined) return failed(lost(ear.closed.reason));
    if (signal?.aborted === true) return failed(linkFault('link-cancelled'));
    // A damaged answer is told apart from none: the next action differs.
    const now = ear.discarded();
    const facts = { attempts: pace.attempts, damaged: now.damaged - before.damaged, stale: now.stale - before.stale };
    return failed(linkFault(facts.damaged > 0 ? 'link-garbled' : 'link-silent', facts));
  };

  return {
    ask: async (question, signal, pace = limits) =>
      lane.run(() => run(question, pace, signal)) ?? failed(linkFault('link-busy')),
    async endLine() {
      if (ear.closed !== undefined) return failed(lost(ear.closed.reason));
      const written = await stream.write(Uint8Array.of(0x0a));
      return written.ok ? ok() : failed(lost(written.fault));
    },
    async close() {
      ear.close(undefined);
      await stream.close();
    },
  };
}

function lost(reason: Fault | undefined): Fault {
  return linkFault('link-lost', { reason: reason?.code ?? 'closed' });
}

/** Hears the line: one waiting question at most, everything else is counted and dropped. */
interface Ear {
  waiting: Waiting | undefined;
  readonly closed: { readonly reason: Fault | undefined } | undefined;
  discarded(): { readonly damaged: number; readonly stale: number };
  close(reason: Fault | undefined): void;
}

function createEar(stream: ByteStream): Ear {
  const decoder = createFrameDecoder(maxBufferBytes);
  let damaged = 0;
  let stale = 0;
  let closed: Ear['closed'];
  const ear: Ear = {
    waiting: undefined,
    get closed() {
      return closed;
    },
    discarded: () => ({ damaged, stale }),
    close(reason) {
      closed ??= { reason };
      stopListening();
      stopWatching();
      ear.waiting?.hear({ at: 'closed' });
    },
  };
  const stopListening = stream.onData((bytes) => {
    for (const framed of decoder.push(bytes)) {
      if (framed.kind === 'discarded') {
        // Boot chatter is no damage.
        if (framed.why !== 'noise') damaged += 1;
        continue;
      }
      const packet = decodePacket(framed.bytes);
      const heard = packet && ear.waiting && answerTo(ear.waiting, packet);
      if (heard !== undefined) ear.waiting?.hear(heard);
      else if (packet === undefined) damaged += 1;
      else stale += 1;
    }
  });
  const stopWatching = stream.onClose((reason) => {
    ear.close(reason);
  });
  return ear;
}

function listen(ear: Ear, asked: Omit<Waiting, 'hear'>, timing: Timing, clock: Clock): Promise<Heard> {
  return new Promise((resolve) => {
    const end = (outcome: Heard): void => {
      cancelTimer();
      timing.signal?.removeEventListener('abort', cancel);
      ear.waiting = undefined;
      resolve(outcome);
    };
    const cancel = (): void => {
      end({ at: 'cancelled' });
    };
    const cancelTimer = clock.after(timing.replyTimeoutMs, () => {
      end({ at: 'silent' });
    });
    timing.signal?.addEventListener('abort', cancel);
    ear.waiting = { ...asked, hear: end };
  });
}

interface Timing {
  readonly replyTimeoutMs: number;
  readonly signal: CancelSignal | undefined;
}

function packetOf(question: Question, sequence: number): Uint8Array {
  return encodePacket({
    version: smpVersions.current,
    op: question.write ? smpOps.write : smpOps.read,
    group: question.group,
    sequence,
    command: question.command,
    body: encodeMap(question.members),
  });
}

/** [LINK-3.3] Undefined when the packet answers something else, or cannot be read. */
function answerTo(waiting: Waiting, packet: SmpPacket): Answer | undefined {
  const { question, sequence } = waiting;
  const op = question.write ? smpOps.writeReply : smpOps.readReply;
  if (packet.sequence !== sequence || packet.op !== op) return undefined;
  if (packet.group !== question.group || packet.command !== question.command) return undefined;
  const map = decodeMap(packet.body);
  if (map === undefined) return undefined;
  const refusal = refusalIn(map);
  return refusal === undefined ? { at: 'answered', map } : { at: 'refused', refusal };
}

const maxGroup = 0xffff;
const maxRc = 0xffff;

function refusalIn(map: CborMap): Refusal | undefined {
  const err = map.get('err');
  if (isTextMap(err)) {
    const rc = uintAt(err, 'rc', maxRc) ?? 1;
    if (rc !== 0) return { group: uintAt(err, 'group', maxGroup), rc };
  }
  const rc = map.get('rc');
  return typeof rc === 'number' && rc !== 0 ? { group: undefined, rc } : undefined;
}
