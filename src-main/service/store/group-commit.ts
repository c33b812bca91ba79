/**
 * Group commit: changes asked for at the same time share one transaction, and so one wait for the disk. Each caller
 * hears of its own change, after the commit that holds it. Order is kept: who asked first is written first.
 */
import type { Clock } from '../../lib/base/clock.ts';
import type { WriteDb } from '../../lib/sqlite/database.ts';

type Work<T> = (db: WriteDb) => T;

export interface GroupCommit {
  join<T>(work: Work<T>): Promise<T>;
}

interface Member {
  readonly work: Work<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

// The disk may have this part of the time, since a commit holds up everything else in the process: after one that took
// 1.5 ms the next waits 13.5 ms for company; but never longer than this, however slow the disk is. What starts together
// goes to its hub together, so that fewer commits are fewer hub calls, too.
const commitShare = 0.1;
const maxGatherMs = 25;
// A transaction of so many registrations takes some 20 ms; more would keep everything else waiting.
const maxInGroup = 256;

export interface GroupCommitParts {
  /** All of it in one turn, and in one transaction. */
  readonly transaction: <T>(work: Work<T>) => Promise<T>;
  readonly clock: Clock;
  /** Whether the file itself failed (full, busy, damaged), which each of the group would meet again, and wait for again. */
  readonly isStoreFault: (error: unknown) => boolean;
}

/** `work` may run twice: when one of its group breaks it, the whole is rolled back, and each goes by itself. */
export function createGroupCommit(parts: GroupCommitParts): GroupCommit {
  const { clock } = parts;
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
    void commit(parts, waiting.splice(0, maxInGroup)).then(() => {
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

/** Never rejects: what becomes of it, its members hear. */
async function commit(parts: GroupCommitParts, group: readonly Member[]): Promise<void> {
  const together = await attempt(parts, group);
  if (together.is === 'done') {
    group.forEach((member, at) => {
      member.resolve(together.values[at]);
    });
    return;
  }
  if (together.is === 'broken' && group.length > 1) await oneByOne(parts, group);
  else for (const member of group) member.reject(together.error);
}

/** Until the file itself fails: the rest would only wait for the same. */
async function oneByOne(parts: GroupCommitParts, group: readonly Member[]): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  for (const member of group) {
    if (failure !== undefined) {
      member.reject(failure.error);
      continue;
    }
    const alone = await attempt(parts, [member]);
    if (alone.is === 'done') member.resolve(alone.values[0]);
    else member.reject(alone.error);
    if (alone.is === 'failed') failure = alone;
  }
}

type Attempt =
  | { readonly is: 'done'; readonly values: readonly unknown[] }
  /** `broken` by the work of one of them; `failed` by the file. */
  | { readonly is: 'broken' | 'failed'; readonly error: unknown };

async function attempt(parts: GroupCommitParts, group: readonly Member[]): Promise<Attempt> {
  const progress = { isInWork: false };
  try {
    const values = await parts.transaction((db) => {
      progress.isInWork = true;
      const done = group.map((member) => member.work(db));
      progress.isInWork = false;
      return done;
    });
    return { is: 'done', values };
  } catch (error) {
    return { is: progress.isInWork && !parts.isStoreFault(error) ? 'broken' : 'failed', error };
  }
}
