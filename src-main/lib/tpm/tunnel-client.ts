/** The station's end of the TPM tunnel: one command on its way at a time, and none sent twice that could act twice. */
import type { CancelSignal } from '../base/cancel.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { createLane } from '../base/lane.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type Result, failed, ok } from '../base/result.ts';
import type { ByteStream } from '../base/stream.ts';
import { cc } from './constants.ts';
import { tunnelFault } from './tunnel-faults.ts';
import { createTunnelDecoder, encodeTunnelFrame, maxTunnelBytes } from './tunnel-frame.ts';
import type { TpmTransport } from './types.ts';

export interface TunnelParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface TunnelClient extends TpmTransport {
  /** [TUN-3.1] Greets until the unit answers; then nothing is under way in it. */
  connect(signal?: CancelSignal): Promise<Result<void>>;
  /** Idempotent. */
  close(): Promise<void>;
}

// [TUN-3.1] Longer than a device holds half a frame [TUN-2.5], which greetings would keep open otherwise. Boards boot for
// up to ten seconds, and a TPM that works is given its time.
const greetEveryMs = 600;
const connectLimitMs = 20_000;
/** [TUN-4.2] RSA key generation takes some chips more than 15 s, under load up to 40 s; all else a few seconds. */
const slowAnswerMs = 90_000;
const answerMs = 20_000;
/** [TUN-2.5] A frame of 4 KiB takes 4.3 s at 9,600 baud, but never pauses. */
const halfFrameMs = 2_000;
/** [TUN-5.2] Three losses in a row on one line are a broken line, not noise. */
const maxAttempts = 3;
/** A run asks in sequence; the rest is slack for what flushes beside it. */
const maxWaiting = 16;

/** [TUN-4.2] */
const slow: ReadonlySet<number> = new Set([cc.createPrimary, cc.selfTest]);
/** [TUN-5.2] What leaves the TPM as it was, or makes it what it is already. */
const repeatable: ReadonlySet<number> = new Set([
  ...[cc.getCapability, cc.readPublic, cc.nvReadPublic, cc.nvRead, cc.getRandom, cc.selfTest, cc.startup],
]);

type Heard =
  | { readonly at: 'answer'; readonly buffer: Uint8Array }
  | { readonly at: 'silent' | 'damaged' | 'closed' | 'cancelled' };

export function createTunnelClient(stream: ByteStream, parts: TunnelParts): TunnelClient {
  const lane = createLane(maxWaiting);
  const ear = createEar(stream, parts.clock);
  // [TUN-2.3] A fresh start, so that answers to an earlier session of this station do not fit.
  let sequence = parts.random.bytes(1)[0] ?? 0;
  const ask = async (buffer: Uint8Array, limitMs: number, signal?: CancelSignal): Promise<Heard> => {
    sequence = (sequence + 1) & 0xff;
    const heard = ear.listen(sequence, limitMs, signal);
    const written = await stream.write(encodeTunnelFrame({ sequence, buffer }));
    if (!written.ok) ear.close();
    return heard;
  };
  const connect = async (signal?: CancelSignal): Promise<Result<void>> => {
    const untilMs = parts.clock.monotonicMs() + connectLimitMs;
    for (let damaged = 0; ;) {
      const heard = await ask(new Uint8Array(0), greetEveryMs, signal);
      if (heard.at === 'answer') return ok();
      if (heard.at === 'damaged') damaged += 1;
      if (heard.at === 'closed' || heard.at === 'cancelled') return failed(endOf(heard.at));
      if (parts.clock.monotonicMs() >= untilMs)
        return failed(tunnelFault(damaged > 0 ? 'tunnel-garbled' : 'tunnel-silent'));
      await sleep(parts.clock, 0, signal);
    }
  };
  const transmit = async (command: Uint8Array, signal?: CancelSignal): Promise<Result<Uint8Array>> => {
    if (command.length < 10 || command.length > maxTunnelBytes) {
      return failed(tunnelFault('tunnel-size', { bytes: command.length }));
    }
    const code = new DataView(command.buffer, command.byteOffset).getUint32(6);
    const mayRepeat = repeatable.has(code);
    for (let attempt = 1; ; attempt += 1) {
      const heard = await ask(command, slow.has(code) ? slowAnswerMs : answerMs, signal);
      if (heard.at === 'answer') {
        // [TUN-4.5]
        return heard.buffer.length === 0 ? failed(tunnelFault('tunnel-no-tpm')) : ok(heard.buffer);
      }
      if (heard.at === 'closed' || heard.at === 'cancelled') return failed(endOf(heard.at));
      parts.log.warn('tunnel-answer-lost', { command: code, attempt, heard: heard.at });
      // [TUN-4.3] The TPM may still be at work: only a greeting that is answered tells that it is done.
      const idle = await connect(signal);
      if (!idle.ok) return idle;
      if (!mayRepeat) return failed(tunnelFault('tunnel-answer-lost', { command: code }));
      if (attempt >= maxAttempts) return failed(tunnelFault('tunnel-garbled', { attempts: attempt }));
    }
  };
  const inTurn = async <T>(work: () => Promise<Result<T>>): Promise<Result<T>> =>
    lane.run(work) ?? failed(tunnelFault('tunnel-cancelled'));
  return Object.freeze({
    connect: (signal) => inTurn(() => connect(signal)),
    transmit: (command, signal) => inTurn(() => transmit(command, signal)),
    async close() {
      ear.close();
      await stream.close();
    },
  } satisfies TunnelClient);
}

function endOf(at: 'closed' | 'cancelled') {
  return tunnelFault(at === 'closed' ? 'tunnel-lost' : 'tunnel-cancelled');
}

interface Ear {
  listen(sequence: number, limitMs: number, signal: CancelSignal | undefined): Promise<Heard>;
  close(): void;
}

/** Hears the line: an answer counts only under the number that is waited for [TUN-2.3]. */
function createEar(stream: ByteStream, clock: Clock): Ear {
  const decoder = createTunnelDecoder();
  let waiting: { readonly sequence: number; readonly hear: (heard: Heard) => void } | undefined;
  let isClosed = false;
  let cancelHalf: () => void = () => undefined;
  const close = (): void => {
    isClosed = true;
    cancelHalf();
    stopListening();
    stopWatching();
    waiting?.hear({ at: 'closed' });
  };
  const stopListening = stream.onData((bytes) => {
    cancelHalf();
    for (const frame of decoder.push(bytes)) {
      if (frame.sequence === waiting?.sequence) waiting.hear({ at: 'answer', buffer: frame.buffer });
    }
    if (!decoder.isOpen) return;
    cancelHalf = clock.after(halfFrameMs, () => {
      // [TUN-2.5] Half an answer is none: its rest would only be taken for the beginning of the next.
      if (decoder.cut()) waiting?.hear({ at: 'damaged' });
    });
  });
  const stopWatching = stream.onClose(close);
  return {
    close,
    listen: (sequence, limitMs, signal) =>
      new Promise((resolve) => {
        const end = (heard: Heard): void => {
          cancelTimer();
          signal?.removeEventListener('abort', cancel);
          waiting = undefined;
          resolve(heard);
        };
        const cancel = (): void => {
          end({ at: 'cancelled' });
        };
        const damagedBefore = decoder.damaged;
        const cancelTimer = clock.after(limitMs, () => {
          end({ at: decoder.damaged > damagedBefore ? 'damaged' : 'silent' });
        });
        signal?.addEventListener('abort', cancel);
        waiting = { sequence, hear: end };
        if (isClosed) end({ at: 'closed' });
        else if (signal?.aborted === true) cancel();
      }),
  };
}
