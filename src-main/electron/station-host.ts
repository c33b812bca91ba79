/** Keeps a station running and relays to it: questions with their answers, and what it tells by itself. */
import type { CallName } from '../contract/calls.ts';
import { backoffMs } from '../lib/base/backoff.ts';
import type { Clock } from '../lib/base/clock.ts';
import type { Fault } from '../lib/base/fault.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { failed, type Result } from '../lib/base/result.ts';
import { shellFault } from './faults.ts';
import { createMailbox } from './mailbox.ts';

export interface StationProcess {
  post(message: unknown): void;
  listen(listener: (message: unknown) => void): void;
  /** Resolves with the exit code; never rejects. */
  readonly ended: Promise<number>;
  /** Why it did not start, once it has said so; its last words may come after its end. */
  refusal(): Fault | undefined;
  /** Asks it to end. */
  terminate(): void;
  /** Ends it, whatever it does. */
  kill(): void;
}

export interface StationHost {
  start(): void;
  /** Faults of the station, and its absence, come back as values. */
  ask(name: CallName, payload: unknown): Promise<Result<unknown>>;
  listen(listener: (event: unknown) => void): void;
  stop(): Promise<void>;
}

export interface StationHostParts {
  readonly fork: () => StationProcess;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type State =
  | { readonly at: 'idle' }
  | { readonly at: 'up'; readonly process: StationProcess; readonly sinceMs: number; readonly attempt: number }
  | { readonly at: 'waiting'; readonly attempt: number; readonly cancel: () => void }
  | { readonly at: 'refused' }
  | { readonly at: 'stopped' };

// What a program of ours says when its command line is wrong: the same words would end it again.
const askedWrongly = 2;

const restart = { firstMs: 250, maxMs: 10_000 };
// A station that ran for a minute has recovered: its next end starts the backoff anew.
const recoveredMs = 60_000;
// The station has ten seconds to close its files and its children; then a second more, and it is ended.
const stopLimitMs = 11_000;
export function createStationHost(parts: StationHostParts): StationHost {
  const { clock, log } = parts;
  const mailbox = createMailbox(log);
  let state: State = { at: 'idle' };
  let last: StationProcess | undefined;

  const run = (attempt: number): void => {
    const station = parts.fork();
    last = station;
    state = { at: 'up', process: station, sinceMs: clock.monotonicMs(), attempt };
    station.listen(mailbox.hear);
    void station.ended.then((code) => {
      lose(code);
    });
  };

  const lose = (code: number): void => {
    mailbox.lose();
    if (state.at !== 'up') return;
    if (code === askedWrongly) {
      log.error('station-refused', { code });
      state = { at: 'refused' };
      return;
    }
    const attempt = clock.monotonicMs() - state.sinceMs > recoveredMs ? 1 : state.attempt + 1;
    const delayMs = backoffMs(attempt, parts.random.fraction(), restart);
    log.warn('station-ended', { code, attempt, againInMs: delayMs });
    state = {
      at: 'waiting',
      attempt,
      cancel: clock.after(delayMs, () => {
        run(attempt);
      }),
    };
  };

  return {
    start() {
      if (state.at === 'idle') run(0);
    },
    ask(name, payload) {
      if (state.at !== 'up') return Promise.resolve(failed(last?.refusal() ?? shellFault('station-down')));
      const { process } = state;
      return mailbox.ask((id) => {
        process.post({ kind: 'request', id, name, payload });
      });
    },
    listen: mailbox.listen,
    async stop() {
      const before = state;
      state = { at: 'stopped' };
      if (before.at === 'waiting') before.cancel();
      if (before.at !== 'up') return;
      before.process.terminate();
      const cancel = clock.after(stopLimitMs, () => {
        before.process.kill();
      });
      await before.process.ended;
      cancel();
    },
  };
}
