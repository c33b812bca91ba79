/** One child program: started, watched, restarted with backoff when it dies, stopped in bounded time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { backoffMs } from '../base/backoff.ts';
import { type Clock, sleep } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type Result, failed, ok } from '../base/result.ts';
import { systemCodeOf } from '../files/durable-file.ts';
import { processFault } from './faults.ts';
import { stopWithParentEnv } from './stop.ts';

export interface ProgramSpec {
  /** For logs and faults: `service`, `agent 3`. */
  readonly program: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProgramParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProgram {
  readonly pid: number | undefined;
  readonly ended: Promise<ProgramEnd>;
  /** Why it ended, where it said so. */
  reason(): string | undefined;
  /** SIGTERM, and SIGKILL when it has not ended after ten seconds. Resolves when it is gone. */
  stop(): Promise<void>;
}

// A program has ten seconds to close its files and sockets: the slowest, the service, needs under two.
const stopLimitMs = 10_000;
const restartBackoff = { firstMs: 250, maxMs: 10_000 };
const readyPollMs = 50;

export function startProgram(spec: ProgramSpec, parts: ProgramParts): RunningProgram {
  const child = spawn(spec.command, spec.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...spec.env, [stopWithParentEnv]: '1' },
  });
  const log = parts.log.with({ program: spec.program });
  // Enough for a fault with its hint and code.
  const lastLines: string[] = [];
  passOn(child, (line) => {
    log.info('said', { line });
    lastLines.push(line);
    if (lastLines.length > 3) lastLines.shift();
  });
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once('error', (error) => {
      log.error('program-not-started', { reason: error.message });
      resolve({ code: null, signal: null });
    });
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
  return {
    pid: child.pid,
    ended,
    reason: () => reasonIn(lastLines),
    async stop() {
      child.kill('SIGTERM');
      const cancel = parts.clock.after(stopLimitMs, () => void child.kill('SIGKILL'));
      await ended;
      cancel();
    },
  };
}

/** What a child prints is its log: it is passed on line by line, as it is. */
function passOn(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      onLine(line.slice(0, 4_000));
    });
  }
  // A pipe to a program that just ended is no news: its end is reported by `ended`.
  child.stdin?.on('error', () => undefined);
}

/** What a command line says when it fails: the fault, its hint, its code in brackets. */
function reasonIn(lines: readonly string[]): string | undefined {
  const [say, , code = ''] = lines;
  return /^\([a-z0-9-]+\)$/.test(code) ? say?.slice(0, 300) : undefined;
}

// A call, so that the compiler does not take the answer of an earlier look for this one.
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

export interface SupervisedProgram {
  /** The process that runs now. */
  readonly pid: number | undefined;
  /** Why the last one ended, where it said so. */
  reason(): string | undefined;
  stop(): Promise<void>;
}

/** Keeps a program running until it is stopped; `onRestart` is told before each new start how the last one ended. */
export function superviseProgram(
  spec: ProgramSpec,
  parts: ProgramParts,
  onRestart: (end: ProgramEnd) => void = () => undefined,
): SupervisedProgram {
  const stopping = new AbortController();
  let running = startProgram(spec, parts);
  let reason: string | undefined;
  const watch = async (): Promise<void> => {
    let attempt = 0;
    for (;;) {
      const startedMs = parts.clock.monotonicMs();
      const end = await running.ended;
      if (isAborted(stopping.signal)) return;
      // A program that ran for a minute has recovered: its next death starts the backoff anew.
      attempt = parts.clock.monotonicMs() - startedMs > 60_000 ? 1 : attempt + 1;
      parts.log.warn('program-ended', { program: spec.program, code: end.code, signal: end.signal });
      await sleep(parts.clock, backoffMs(attempt, parts.random.fraction(), restartBackoff), stopping.signal);
      if (isAborted(stopping.signal)) return;
      // After the pause: what it printed at its end has arrived by then.
      reason = running.reason();
      onRestart(end);
      running = startProgram(spec, parts);
    }
  };
  const watched = watch();
  return {
    get pid() {
      return running.pid;
    },
    reason: () => reason,
    async stop() {
      stopping.abort();
      await running.stop();
      await watched;
    },
  };
}

export interface ReadyWait<T> {
  readonly program: string;
  readonly file: string;
  readonly limitMs: number;
  readonly clock: Clock;
  readonly parse: (json: unknown) => T | undefined;
  /** Ends the wait early: the program is gone. */
  readonly ended?: Promise<ProgramEnd>;
  /** What its end is told with. */
  readonly reason?: () => string | undefined;
  readonly signal?: AbortSignal;
}

/** Removes what an earlier start left, so that only this start can be taken for ready; what stays is written over. */
export async function clearReadyFile(file: string): Promise<void> {
  await rm(file, { force: true }).catch((error: unknown) => {
    // whoever is to write it says what is wrong with its place
    if (systemCodeOf(error) === undefined) throw error;
  });
}

/** Waits for the file that a program writes, atomically, when it accepts connections. */
export async function awaitReadyFile<T>(wait: ReadyWait<T>): Promise<Result<T>> {
  const { program } = wait;
  const untilMs = wait.clock.monotonicMs() + wait.limitMs;
  let end: ProgramEnd | undefined;
  void wait.ended?.then((reached) => (end = reached));
  while (wait.clock.monotonicMs() < untilMs && wait.signal?.aborted !== true) {
    const text = await readFile(wait.file, 'utf8').catch(() => undefined);
    if (text !== undefined) {
      const value = wait.parse(parsedJson(text));
      return value === undefined ? failed(processFault('ready-file-garbled', { program })) : ok(value);
    }
    if (end !== undefined) return failed(endedFault(wait, end));
    await sleep(wait.clock, readyPollMs, wait.signal);
  }
  if (wait.signal?.aborted === true) return failed(processFault('program-stopped', { program }));
  return failed(processFault('program-slow', { program, seconds: Math.round(wait.limitMs / 1_000) }));
}

function endedFault({ program, reason }: Pick<ReadyWait<unknown>, 'program' | 'reason'>, { code }: ProgramEnd) {
  const said = reason?.();
  return processFault('program-ended', { program, code: code ?? 'none', told: said === undefined ? '' : ` ${said}` });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
