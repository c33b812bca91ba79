/**
 * Group commit: changes asked for at the same time share one transaction, and so one wait for the disk. Each caller
 * hears of its own change, after the commit that holds it. Order is kept: who asked first is written first.
 */
import type { Transaction } from 'kysely';
import type { Clock } from '../../lib/base/clock.ts';
import type { Tables } from './schema.ts';

type Work<T> = (db: Transaction<Tables>) => Promise<T>;

export interface GroupCommit {
  join<T>(work: Work<T>): Promise<T>;
}

interface Member {
  readonly work: Work<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

// The disk may have this part of the time, since a commit holds up everything else in the process: after one that took
// 2 ms the next waits 8 ms for company; but never longer than this, however slow the disk is.
const commitShare = 0.2;
const maxGatherMs = 25;
// A transaction of so many registrations takes some 20 ms; more would keep everything else waiting.
const maxInGroup = 256;

/** `work` may run twice: when one of its group fails, the whole is rolled back, and each goes by itself. */
export function createGroupCommit(transaction: <T>(work: Work<T>) => Promise<T>, clock: Clock): GroupCommit {
  // Bounded by the callers: a device waits for its own change before it asks for another.
  const waiting: Member[] = [];
  let isScheduled = false;
  let notBeforeMs = clock.monotonicMs();
  const schedule = (): void => {
    if (isScheduled || waiting.length === 0) return;
    isScheduled = true;
    const waitMs = notBeforeMs - clock.monotonicMs();
    // At the least after everything that this turn of the event loop brought.
    if (waitMs <= 0) setImmediate(flush);
    else clock.after(waitMs, flush);
  };
  const flush = (): void => {
    const startMs = clock.monotonicMs();
    void commit(transaction, waiting.splice(0, maxInGroup)).then(() => {
      const endMs = clock.monotonicMs();
      notBeforeMs = endMs + Math.min(maxGatherMs, (endMs - startMs) * (1 / commitShare - 1));
      isScheduled = false;
      schedule();
    });
  };
  return {
    join: <T>(work: Work<T>) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({ work, resolve, reject });
        schedule();
      }),
  };
}

async function commit(transaction: <T>(work: Work<T>) => Promise<T>, group: readonly Member[]): Promise<void> {
  let values: readonly unknown[];
  try {
    values = await transaction(async (db) => {
      const done: unknown[] = [];
      for (const member of group) done.push(await member.work(db));
      return done;
    });
  } catch (error) {
    const [only, ...others] = group;
    if (others.length === 0) only?.reject(error);
    else for (const member of group) await commit(transaction, [member]);
    return;
  }
  group.forEach((member, at) => {
    member.resolve(values[at]);
  });
}
