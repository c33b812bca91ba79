/** One text console: commands out, lines in. Echo and noise are passed over; every wait, line and answer has a bound. */
import { fromUtf8, utf8 } from '../../../lib/base/bytes.ts';
import type { CancelSignal } from '../../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../../lib/base/clock.ts';
import type { Fault } from '../../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../../lib/base/result.ts';
import type { ByteStream } from '../../../lib/base/stream.ts';
import { consoleFault } from './faults.ts';
import type { ConsoleCommand, ConsoleProfile } from './profile.ts';
import { fill, match, parseTemplate } from './template.ts';

/** A CSR with its COSE signature takes about 1 kB in a line, a chain in one line some 6 kB. */
const maxLineChars = 16_384;
/** An answer with a whole chain and chatter around it. */
const maxAnswerChars = 65_536;
/** Three losses in a row on one line are a broken line, not noise. */
const maxAttempts = 3;

/** What a name stands for, and texts that must not be told. */
export type Values = Map<string, string>;

export interface ConsoleOrder {
  /** For faults. */
  readonly step: string;
  readonly command: ConsoleCommand;
  readonly values: Values;
  readonly signal?: CancelSignal | undefined;
  /** Sees each line of the answer, for what comes more than once. */
  onLine?(line: string): void;
}

export interface ConsoleSession {
  /** Sends a command, filled with these values, and gives them what it kept. */
  run(order: ConsoleOrder): Promise<Result<void>>;
  close(): Promise<void>;
}

export function createConsoleSession(stream: ByteStream, profile: ConsoleProfile, clock: Clock): ConsoleSession {
  const ear = createEar(stream, profile.line.prompt);
  const send = async (
    bytes: Uint8Array,
    chunk: { readonly bytes: number; readonly pauseMs: number },
  ): Promise<void> => {
    for (let at = 0; at < bytes.length; at += chunk.bytes) {
      if (at > 0 && chunk.pauseMs > 0) await sleep(clock, chunk.pauseMs);
      const written = await stream.write(bytes.subarray(at, at + chunk.bytes));
      if (written.ok) continue;
      ear.close(written.fault);
      return;
    }
  };
  const attempt = async (asked: Asked): Promise<Result<void>> => {
    const { step, command, text, signal } = asked;
    const bytes = utf8(text + lineEnds[profile.line.end]);
    const chunk = profile.line.chunk ?? { bytes: bytes.length, pauseMs: 0 };
    const sendingMs = Math.ceil(bytes.length / chunk.bytes) * chunk.pauseMs;
    const timeoutMs = (command.timeoutMs ?? profile.timeoutMs) + sendingMs;
    // Listening first: the answer may be here before the port says that all was sent.
    const heard = ear.hear(createAnswerReader(profile, asked), { clock, timeoutMs, signal }, () =>
      consoleFault('console-silent', { step, hint: profile.silentHint }),
    );
    await send(bytes, chunk);
    return heard;
  };
  return {
    async run(order) {
      const { step, command, values, signal } = order;
      const text = fill(parsed(command.send), values);
      if (text === undefined)
        return failed(consoleFault('console-unreadable', { what: command.send.slice(0, 40), step }));
      for (let count = 1; ; count += 1) {
        if (signal?.aborted === true) return failed(consoleFault('console-cancelled'));
        const heard = await attempt({ ...order, text });
        const isSilent = !heard.ok && heard.fault.code === 'console-silent';
        if (!isSilent || command.repeat !== true || count === maxAttempts) return heard;
      }
    },
    async close() {
      ear.close();
      await stream.close();
    },
  };
}

interface Asked extends ConsoleOrder {
  readonly text: string;
}

/** The profile was checked: its templates can be read. */
function parsed(source: string) {
  return parseTemplate(source) ?? [];
}

const lineEnds = { cr: '\r', lf: '\n', crlf: '\r\n' } as const;

/** What the lines of an answer come to. */
type Verdict = { readonly at: 'more' } | { readonly at: 'ended'; readonly result: Result<void> };
interface AnswerReader {
  line(text: string): Verdict;
}
const more: Verdict = { at: 'more' };

function createAnswerReader(profile: ConsoleProfile, asked: Asked): AnswerReader {
  const { step, command, values, text } = asked;
  const until = command.until ?? profile.until;
  const untilParts = parsed(until);
  const accepted = (command.accept ?? []).map(parsed);
  const keeps = (command.keep ?? []).map(parsed);
  const isEcho = echoSkipper(profile.line, text);
  const kept: Values = new Map();
  const block = blockKeeper(command.keepBlock, kept);
  const known = new Map([...values].filter(([name]) => name === 'slot'));
  const ended = (): Verdict => ({ at: 'ended', result: settle(step, command, { values, kept }) });
  return {
    line(line) {
      if (block(line)) return more;
      if (isEcho(line)) return more;
      asked.onLine?.(line);
      if (accepted.some((parts) => match(parts, line) !== undefined)) return ended();
      const error = profile.errors.find((one) => match(parsed(one.line), line) !== undefined);
      if (error !== undefined) return { at: 'ended', result: failed(refusal(error, line, step)) };
      const end = until === 'prompt' ? promptIn(profile, line) : match(untilParts, line, known);
      // The first line that fits counts: what follows is chatter.
      const found = end ?? keeps.map((parts) => match(parts, line, known)).find((one) => one !== undefined);
      for (const [name, value] of found ?? []) if (!kept.has(name)) kept.set(name, value);
      return end === undefined ? more : ended();
    },
  };
}

const noValues: ReadonlyMap<string, string> = new Map();

function promptIn(profile: ConsoleProfile, line: string): ReadonlyMap<string, string> | undefined {
  return line === profile.line.prompt?.trim() ? noValues : undefined;
}

/** Keeps whole blocks, one after another under one name; true for a line that belongs to one. */
function blockKeeper(wanted: ConsoleCommand['keepBlock'], kept: Values): (line: string) => boolean {
  let lines: string[] | undefined;
  return (line) => {
    if (wanted === undefined) return false;
    if (lines === undefined) {
      if (!line.includes(wanted.begin)) return false;
      lines = [];
    }
    lines.push(line);
    if (!line.includes(wanted.end)) return true;
    kept.set(wanted.name, `${kept.get(wanted.name) ?? ''}${lines.join('\n')}\n`);
    lines = undefined;
    return true;
  };
}

function refusal(error: ConsoleProfile['errors'][number], line: string, step: string): Fault {
  const message = (error.say ?? line).replace(/[^\x20-\x7e]/g, '').slice(0, 120);
  const { hint } = error;
  return consoleFault(error.fault === 'unit' ? 'console-unit-refused' : 'console-refused', { message, step, hint });
}

/** Everything that was to be kept is there, and is what it must be. */
function settle(
  step: string,
  command: ConsoleCommand,
  { values, kept }: { readonly values: Values; readonly kept: Values },
): Result<void> {
  for (const [name, value] of kept) values.set(name, value);
  for (const [name, wanted] of Object.entries(command.expect ?? {})) {
    const written = fill(parsed(wanted), values)?.toLowerCase();
    if (written === undefined || kept.get(name)?.toLowerCase() !== written) {
      return failed(consoleFault('console-write-differs', { step }));
    }
  }
  return ok();
}

/** Lines that only repeat what was sent, in their order; a prompt may stand before the first one. */
function echoSkipper(line: ConsoleProfile['line'], sent: string): (heard: string) => boolean {
  if (line.echo === 'none') return () => false;
  const lines = sent.split(/\r\n|\r|\n/).map((text) => text.trim());
  const [word = ''] = sent.split(' ');
  const prompt = line.prompt?.trim() ?? '';
  let at = 0;
  return (heard) => {
    const bare = prompt !== '' && heard.startsWith(prompt) ? heard.slice(prompt.length).trim() : heard;
    const wanted = lines[at];
    // Masked: the command as it was, its value as asterisks.
    const rest = bare.startsWith(word) ? bare.slice(word.length).trim() : '';
    const isMasked = line.echo === 'masked' && at === 0 && /^\*+$/.test(rest);
    if (bare !== wanted && !isMasked) return false;
    at += 1;
    return true;
  };
}

interface Patience {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: CancelSignal | undefined;
}

interface Ear {
  hear(reader: AnswerReader, patience: Patience, silent: () => Fault): Promise<Result<void>>;
  /** @param reason what the port says; without one the session itself ends */
  close(reason?: Fault): void;
}

/** Cuts the stream into lines; what comes while nobody listens is dropped. */
function createEar(stream: ByteStream, prompt: string | undefined): Ear {
  let held = '';
  let total = 0;
  let closed: Fault | undefined;
  let reader: AnswerReader | undefined;
  let end: ((result: Result<void>) => void) | undefined;
  const take = (line: string): void => {
    const text = line.trim();
    if (text === '' || reader === undefined) return;
    const verdict = reader.line(text);
    if (verdict.at === 'ended') end?.(verdict.result);
  };
  const stopListening = stream.onData((bytes) => {
    // Noise is rarely UTF-8; what an answer needs always is.
    const text = fromUtf8(bytes) ?? String.fromCharCode(...bytes.subarray(0, maxLineChars));
    total += text.length;
    if (total > maxAnswerChars) {
      end?.(failed(consoleFault('console-flood', { step: 'answer' })));
      return;
    }
    const lines = (held + text).split(/\r\n|\r|\n/);
    held = (lines.pop() ?? '').slice(0, maxLineChars);
    for (const line of lines) take(line);
    if (prompt !== undefined && held.trimStart() === prompt) {
      held = '';
      take(prompt);
    }
  });
  const stopWatching = stream.onClose((reason) => {
    close(reason);
  });
  // The port knows why: the next action of a pulled cable is another one than that of a port that hangs.
  const close = (reason: Fault = consoleFault('console-lost')): void => {
    closed ??= reason;
    stopListening();
    stopWatching();
    end?.(failed(closed));
  };
  return {
    close,
    hear: (next, { clock, timeoutMs, signal }, silent) =>
      new Promise((resolve) => {
        const done = (result: Result<void>): void => {
          cancelTimer();
          signal?.removeEventListener('abort', cancel);
          reader = undefined;
          end = undefined;
          resolve(result);
        };
        const cancel = (): void => {
          done(failed(consoleFault('console-cancelled')));
        };
        const cancelTimer = clock.after(timeoutMs, () => {
          done(failed(silent()));
        });
        signal?.addEventListener('abort', cancel);
        held = '';
        total = 0;
        reader = next;
        end = done;
        if (closed !== undefined) done(failed(closed));
      }),
  };
}
