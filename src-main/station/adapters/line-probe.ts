/** One look at a line: opens nothing, decides nothing; asks for echoes over the bench link and writes down what comes. */
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { encodeMap } from '../../lib/link/cbor-map.ts';
import { createFrameDecoder, encodeFrames } from '../../lib/link/console-frame.ts';
import { maxBufferBytes } from '../../lib/link/limits.ts';
import { osGroup } from '../../lib/link/messages.ts';
import { decodePacket, encodePacket, smpOps, smpVersions } from '../../lib/link/smp-packet.ts';

export interface EchoTime {
  readonly sentMs: number;
  readonly heardMs: number;
}

export interface LineTrial {
  /** From the opening to the first answer; absent: none came. */
  readonly answeredMs?: number;
  readonly echoes: readonly EchoTime[];
  /** Echoes that were asked for after the first answer and did not come. */
  readonly missed: number;
  /** Our own requests that came back. */
  readonly ownFrames: number;
  /** What came that is no frame, before the first answer: bytes of text, and bytes that are no text. */
  readonly chatter: number;
  readonly garbage: number;
}

export interface ProbeLimits {
  /** How long the first answer may take. */
  readonly answerMs: number;
  /** How many echoes are timed. */
  readonly echoes: number;
}

const askEveryMs = 300;
/** An echo of thirty bytes takes a tenth of a second at 9,600 baud. */
const echoLimitMs = 1_000;
/** Between an echo and the next: all different, so that a timer's beat shows, whatever else takes time. */
const pausesMs = [0, 3, 7, 11, 5, 13, 2, 9, 6, 14, 1, 10];

export async function probeLine(
  stream: ByteStream,
  clock: Clock,
  limits: ProbeLimits,
  signal: CancelSignal,
): Promise<LineTrial> {
  const ear = listen(stream, clock);
  const startMs = clock.monotonicMs();
  const echoes: EchoTime[] = [];
  let answeredMs: number | undefined;
  while (answeredMs === undefined && clock.monotonicMs() - startMs < limits.answerMs && !signal.aborted) {
    const answer = await ear.ask(askEveryMs, true, signal);
    if (answer !== undefined) answeredMs = answer.heardMs - startMs;
  }
  const { chatter, garbage } = ear.noise();
  let missed = 0;
  for (let count = 0; answeredMs !== undefined && count < limits.echoes && !signal.aborted; count += 1) {
    await sleep(clock, pausesMs[count % pausesMs.length] ?? 0, signal);
    const echo = await ear.ask(echoLimitMs, false, signal);
    if (echo === undefined) missed += 1;
    else echoes.push(echo);
  }
  ear.stop();
  const answered = answeredMs === undefined ? {} : { answeredMs };
  return { ...answered, echoes, missed, ownFrames: ear.ownFrames(), chatter, garbage };
}

interface Ear {
  /** @param orEarlier an answer to an earlier question counts as well */
  ask(limitMs: number, orEarlier: boolean, signal: CancelSignal): Promise<EchoTime | undefined>;
  noise(): { readonly chatter: number; readonly garbage: number };
  ownFrames(): number;
  stop(): void;
}

function listen(stream: ByteStream, clock: Clock): Ear {
  const decoder = createFrameDecoder(maxBufferBytes);
  const noise = { chatter: 0, garbage: 0 };
  let ownFrames = 0;
  let sequence = 0;
  let hear: (sequence: number) => void = () => undefined;
  const stop = stream.onData((bytes) => {
    for (const framed of decoder.push(bytes)) {
      if (framed.kind === 'discarded') {
        const text = framed.bytes.filter(isText).length;
        noise.chatter += text;
        noise.garbage += framed.bytes.length - text;
        continue;
      }
      const packet = decodePacket(framed.bytes);
      if (packet?.op === smpOps.write) ownFrames += 1;
      if (packet?.op === smpOps.writeReply) hear(packet.sequence);
    }
  });
  return {
    ask: (limitMs, orEarlier, signal) => {
      sequence = (sequence + 1) & 255;
      const asked = sequence;
      return new Promise((resolve) => {
        const sentMs = clock.monotonicMs();
        const settle = (echo: EchoTime | undefined): void => {
          cancel();
          signal.removeEventListener('abort', stopped);
          hear = () => undefined;
          resolve(echo);
        };
        const stopped = (): void => {
          settle(undefined);
        };
        signal.addEventListener('abort', stopped);
        const cancel = clock.after(limitMs, () => {
          settle(undefined);
        });
        hear = (answered) => {
          if (answered === asked || orEarlier) settle({ sentMs, heardMs: clock.monotonicMs() });
        };
        void stream.write(echoRequest(asked));
      });
    },
    noise: () => ({ ...noise }),
    ownFrames: () => ownFrames,
    stop,
  };
}

function echoRequest(sequence: number): Uint8Array {
  const body = encodeMap({ d: `doctor ${String(sequence)}` });
  const { id: group, echo: command } = osGroup;
  return encodeFrames(encodePacket({ version: smpVersions.current, op: smpOps.write, group, sequence, command, body }));
}

/** What a console says: printable ASCII, line ends, tab, and the escape of colours. */
function isText(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09 || byte === 0x1b;
}
