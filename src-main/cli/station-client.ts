/** A station run as a child process, asked over its contract. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { faultMaker } from '../lib/base/fault.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { stopWithParentEnv } from '../lib/process/stop.ts';
import { type CallInput, type CallName, type CallValue, calls } from '../contract/calls.ts';
import { EventMessage, Response, faultOf } from '../contract/messages.ts';

const clientFault = faultMaker({
  'station-gone': {
    say: 'The station ended ({reason}).',
    hint: 'Read the lines it printed above, then start it again.',
  },
  'answer-garbled': { say: 'The station gave an answer to {name} that cannot be read.', hint: 'Update Benchline.' },
});

export interface StationClient {
  readonly pid: number | undefined;
  call<Name extends CallName>(name: Name, input: CallInput<Name>): Promise<Result<CallValue<Name>>>;
  onEvent(listener: (event: EventMessage) => void): void;
  /** Resolves with the exit code when the station is gone. */
  readonly ended: Promise<number | undefined>;
  stop(): Promise<void>;
}

export interface StationLaunch {
  readonly command: string;
  readonly args: readonly string[];
  /** Gets each line of the station's log. */
  onLine(line: string): void;
}

type Waiting = (response: Response['result']) => void;

export function startStation(launch: StationLaunch): StationClient {
  const child = spawn(launch.command, launch.args, {
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, [stopWithParentEnv]: '1' },
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null)
      createInterface({ input: stream }).on('line', (line) => {
        launch.onLine(line);
      });
  }
  return clientOf(child);
}

function clientOf(child: ChildProcess): StationClient {
  const waiting = new Map<number, Waiting>();
  const listeners: ((event: EventMessage) => void)[] = [];
  let nextId = 1;
  let endReason: string | undefined;
  const end = (reason: string): void => {
    endReason ??= reason;
    for (const settle of waiting.values()) settle(failed(clientFault('station-gone', { reason: endReason })));
    waiting.clear();
  };
  const ended = new Promise<number | undefined>((resolve) => {
    child.once('exit', (code, signal) => {
      end(signal ?? `exit code ${code ?? 'none'}`);
      resolve(code ?? undefined);
    });
    child.once('error', (error) => {
      end(error.message);
      resolve(undefined);
    });
  });
  child.on('message', (message) => {
    const event = EventMessage.safeParse(message);
    if (event.success) for (const listener of listeners) listener(event.data);
    const response = Response.safeParse(message);
    if (!response.success) return;
    waiting.get(response.data.id)?.(response.data.result);
    waiting.delete(response.data.id);
  });
  return {
    pid: child.pid,
    ended,
    onEvent: (listener) => void listeners.push(listener),
    async call(name, input) {
      if (endReason !== undefined) return failed(clientFault('station-gone', { reason: endReason }));
      const id = nextId;
      nextId += 1;
      const answer = await new Promise<Response['result']>((resolve) => {
        waiting.set(id, resolve);
        child.send({ kind: 'request', id, name, payload: input }, (error) => {
          if (error !== null) end(error.message);
        });
      });
      return answer.ok ? checked(name, answer.value) : failed(faultOf(answer.fault));
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function checked<Name extends CallName>(name: Name, value: unknown): Result<CallValue<Name>> {
  const parsed = calls[name].output.safeParse(value);
  // The schema is the one that belongs to the name, which the compiler cannot follow through a union of names.
  return parsed.success ? ok(parsed.data as CallValue<Name>) : failed(clientFault('answer-garbled', { name }));
}
