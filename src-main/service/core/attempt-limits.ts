/**
 * Wrong credentials cost their sender time, not us: counted by who sends them, and beyond a measure refused before any
 * signature is looked at. What is counted is a pair of source and registration id, so that one device's mistakes hurt
 * that device alone; and a source as a whole, so that it cannot go from id to id.
 */
import type { Clock } from '../../lib/base/clock.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import type { DeviceClaim } from './claim.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import { networkOf } from './network.ts';
import { keyOf } from './records.ts';
import type { RegistrationDesk } from './registration-desk.ts';

/** `challenge`: a TPM has to answer first. `neither`: it never came to the credential. */
export type AttemptEnd = 'right' | 'wrong' | 'challenge' | 'neither';

export interface AttemptLimits {
  /** Fails with `throttled` when this source shall wait; otherwise gives what is to be called with the attempt's end. */
  begin(claim: Pick<DeviceClaim, 'source' | 'registrationId'>): Result<(end: AttemptEnd) => void, ServiceFault>;
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
    begin({ source, registrationId }) {
      const origin = networkOf(source);
      const key = `${origin} ${keyOf(registrationId.slice(0, maxIdLength))}`;
      const isProven = proven.has(key);
      const table = isProven ? proven : pairs;
      const pair = table.look(key);
      const whole = isProven ? undefined : sources.look(origin);
      const waitS = Math.max(table.waitS(pair), whole === undefined ? 0 : sources.waitS(whole));
      if (waitS > 0) return failed(serviceFault('throttled', { retryAfterS: Math.min(waitS, maxRetryAfterS) }));
      // Counted before the work, so that many at once are not more than their number. What was refused is not kept: it
      // would push out the counts of others.
      pair.spent += 1;
      table.keep(key, pair);
      if (whole !== undefined) {
        whole.spent += 1;
        sources.keep(origin, whole);
      }
      return ok((end) => {
        if (end === 'wrong') return;
        if (whole !== undefined) whole.spent -= 1;
        if (end === 'challenge') return;
        pair.spent = end === 'right' ? 0 : pair.spent - 1;
        if (end !== 'right') return;
        pairs.drop(key);
        proven.keep(key, pair);
      });
    },
  };
}

// dps-wire 0.1; what is longer is refused for its length.
const maxIdLength = 128;

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

/** The desk behind the limits, for every wire at once. */
export function withAttemptLimits(desk: RegistrationDesk, limits: AttemptLimits): RegistrationDesk {
  const limited = async <T extends object>(
    claim: DeviceClaim,
    work: () => Promise<Result<T, ServiceFault>>,
  ): Promise<Result<T, ServiceFault>> => {
    const attempt = limits.begin(claim);
    if (!attempt.ok) return attempt;
    let end: AttemptEnd = 'neither';
    try {
      const answer = await work();
      end = endOf(answer);
      return answer;
    } finally {
      attempt.value(end);
    }
  };
  return {
    ...desk,
    admit: (claim) => limited(claim, () => desk.admit(claim)),
    register: (claim) => limited(claim, () => desk.register(claim)),
    poll: (claim, operationId) => limited(claim, () => desk.poll(claim, operationId)),
    lookUp: (claim) => limited(claim, () => desk.lookUp(claim)),
  };
}

function endOf(answer: Result<object, ServiceFault>): AttemptEnd {
  if (!answer.ok) return answer.fault.code === 'unauthorized' ? 'wrong' : 'neither';
  return 'is' in answer.value && answer.value.is === 'challenge' ? 'challenge' : 'right';
}
