/** A child program of the station that is kept running, and has to say once that it is ready. */
import { type Result, ok } from '../../lib/base/result.ts';
import {
  type ProgramEnd,
  type ProgramParts,
  type ProgramSpec,
  type SupervisedProgram,
  awaitReadyFile,
  clearReadyFile,
  superviseProgram,
} from '../../lib/process/program.ts';

// First start makes RSA keys (a CA, a service, hubs; a software TPM): seconds each on a slow or loaded machine.
const readyLimitMs = 60_000;
// What a killed station left behind lets go of its folder within a second; after four ends in a row (2 s) it is no
// such thing, and nobody should wait for the whole minute.
const maxEnds = 4;

export interface ReadyProgram<T> {
  readonly ready: T;
  readonly program: SupervisedProgram;
}

export interface ReadyFile<T> {
  readonly file: string;
  readonly parse: (json: unknown) => T | undefined;
}

/** A program that does not get ready is stopped before its fault is told. */
export async function startReadyProgram<T>(
  spec: ProgramSpec,
  { file, parse }: ReadyFile<T>,
  parts: ProgramParts,
  signal: AbortSignal,
): Promise<Result<ReadyProgram<T>>> {
  await clearReadyFile(file);
  let giveUp: (end: ProgramEnd) => void = () => undefined;
  const ended = new Promise<ProgramEnd>((resolve) => (giveUp = resolve));
  let ends = 0;
  const running = superviseProgram(spec, parts, (end) => {
    ends += 1;
    if (ends >= maxEnds) giveUp(end);
  });
  const { clock } = parts;
  const ready = await awaitReadyFile({
    program: spec.program,
    ...{ file, parse, limitMs: readyLimitMs, clock, ended, signal },
    reason: () => running.reason(),
  });
  if (ready.ok) return ok({ ready: ready.value, program: running });
  await running.stop();
  return ready;
}
