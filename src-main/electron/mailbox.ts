/** Pairs answers with questions by their number, and hands on what the station tells by itself. */
import { Response } from '../contract/messages.ts';
import type { Log } from '../lib/base/log.ts';
import { failed, type Result } from '../lib/base/result.ts';
import { shellFault } from './faults.ts';
import { fitsBorder } from './message-size.ts';

export interface Mailbox {
  /** Waits for the answer to what `post` sends under the number it is given. */
  ask(post: (id: number) => void): Promise<Result<unknown>>;
  /** Takes a message of the station. */
  readonly hear: (message: unknown) => void;
  readonly listen: (listener: (event: unknown) => void) => void;
  /** The station is gone: every open question is answered with that, and who only listens is told. */
  lose(): void;
}

// A screen asks some ten questions at a time; this many open ones mean that nobody answers.
const maxWaiting = 256;

export function createMailbox(log: Log): Mailbox {
  const waiting = new Map<number, (answer: Result<unknown>) => void>();
  const listeners: ((event: unknown) => void)[] = [];
  let lastId = 0;
  return {
    ask(post) {
      if (waiting.size >= maxWaiting) {
        return Promise.resolve(failed(shellFault('calls-piled-up', { waiting: waiting.size })));
      }
      lastId += 1;
      const id = lastId;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        post(id);
      });
    },
    hear(message) {
      if (!fitsBorder(message)) {
        log.warn('message-dropped', { reason: 'too large or not plain data' });
        return;
      }
      const response = Response.safeParse(message);
      if (!response.success) {
        for (const tell of listeners) tell(message);
        return;
      }
      const take = waiting.get(response.data.id);
      waiting.delete(response.data.id);
      take?.(response.data.result as Result<unknown>);
    },
    listen: (listener) => void listeners.push(listener),
    lose() {
      const lost = [...waiting.values()];
      waiting.clear();
      for (const take of lost) take(failed(shellFault('station-lost')));
      for (const tell of listeners) tell({ kind: 'event', name: 'station.lost', payload: {} });
    },
  };
}
