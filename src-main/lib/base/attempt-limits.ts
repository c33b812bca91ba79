/**
 * Wrong credentials cost their sender time, not us: counted by who sends them, and beyond a measure refused before any
 * signature is looked at. What is counted is a pair of source and device id, so that one device's mistakes hurt
 * that device alone; and a source as a whole, so that it cannot go from id to id.
 */
import type { Clock } from './clock.ts';
import { networkOf } from './network.ts';

/** `challenge`: a TPM has to answer first. `neither`: it never came to the credential. */
export type AttemptEnd = 'right' | 'wrong' | 'challenge' | 'neither';

export interface Attempt {
  /** The remote address. */
  readonly source: string;
  /** Whose credential it says it is, in the spelling by which ids are compared. */
  readonly id: string;
}

export type BegunAttempt =
  /** To be called with its end, once. */
  | { readonly is: 'begun'; readonly end: (end: AttemptEnd) => void }
  /** This source shall wait. */
  | { readonly is: 'throttled'; readonly retryAfterS: number };

export interface AttemptLimits {
  begin(attempt: Attempt): BegunAttempt;
}

interface Measure {
  /** Wrong ones at once. */
  readonly burst: number;
  readonly perSecond: number;
}

// A person who corrects an enrollment meanwhile, and a device that repeats every 2 s for ever, both stay below it.
const ofPair: Measure = { burst: 30, perSecond: 0.5 };
// A whole line behind one address, where every unit is wrong: 1,000 units once, and 20 a second. The dearest attempt is
// some 5 ms of work (100 groups of keys, or 64 signatures), so that a source takes a tenth of one core at the most.
const ofSource: Measure = { burst: 1_000, perSecond: 20 };
// Some 300 bytes each: twice 6 MB, and 3 MB, at the most.
const maxPairs = 20_000;
const maxSources = 10_000;
// One client drops a wait beyond this (dps-wire 1.10).
const maxRetryAfterS = 300;

interface Entry {
  spent: number;
  atMs: number;
}

export function createAttemptLimits(clock: Clock): AttemptLimits {
  const pairs = createTable(clock, ofPair, maxPairs);
  // Only a right attempt enters: a flood from the same address neither holds these up nor pushes them out.
  const proven = createTable(clock, ofPair, maxPairs);
  const sources = createTable(clock, ofSource, maxSources);
  return {
    begin({ source, id }) {
      const origin = networkOf(source);
      const key = `${origin} ${id.slice(0, maxIdLength)}`;
      const isProven = proven.has(key);
      const table = isProven ? proven : pairs;
      const pair = table.look(key);
      const whole = isProven ? undefined : sources.look(origin);
      const waitS = Math.max(table.waitS(pair), whole === undefined ? 0 : sources.waitS(whole));
      if (waitS > 0) return { is: 'throttled', retryAfterS: Math.min(waitS, maxRetryAfterS) };
      // Counted before the work, so that many at once are not more than their number. What was refused is not kept: it
      // would push out the counts of others.
      pair.spent += 1;
      table.keep(key, pair);
      if (whole !== undefined) {
        whole.spent += 1;
        sources.keep(origin, whole);
      }
      const ended = (end: AttemptEnd): void => {
        if (end === 'wrong') return;
        if (whole !== undefined) whole.spent -= 1;
        if (end === 'challenge') return;
        pair.spent = end === 'right' ? 0 : pair.spent - 1;
        if (end !== 'right') return;
        pairs.drop(key);
        proven.keep(key, pair);
      };
      return { is: 'begun', end: ended };
    },
  };
}

// dps-wire 0.1; what is longer is refused for its length.
export const maxIdLength = 128;

function createTable(clock: Clock, measure: Measure, maxEntries: number) {
  // In order of the last attempt that was let through: the first is the one to go.
  const entries = new Map<string, Entry>();
  return {
    has: (key: string): boolean => entries.has(key),
    /** As it stands now; a new one is not kept yet. */
    look(key: string): Entry {
      const nowMs = clock.monotonicMs();
      const entry = entries.get(key) ?? { spent: 0, atMs: nowMs };
      entry.spent = Math.max(0, entry.spent - ((nowMs - entry.atMs) / 1_000) * measure.perSecond);
      entry.atMs = nowMs;
      return entry;
    },
    keep(key: string, entry: Entry): void {
      entries.delete(key);
      const [oldest] = entries.keys();
      if (entries.size >= maxEntries && oldest !== undefined) entries.delete(oldest);
      entries.set(key, entry);
    },
    drop: (key: string): void => void entries.delete(key),
    waitS(entry: Entry): number {
      const tooMany = entry.spent + 1 - measure.burst;
      return tooMany > 0 ? Math.ceil(tooMany / measure.perSecond) : 0;
    },
  };
}
