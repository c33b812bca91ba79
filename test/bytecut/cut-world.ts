/**
 * Time and life for the byte-cut proof: a clock that jumps to the next timer once everything is idle, and lives that end
 * at once, as a SIGKILL or a pulled plug ends them: what a dead life still waits for never comes.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import type { Random } from '../../src-main/lib/base/random.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly life: Life;
  readonly fire: () => void;
}

export interface Life {
  readonly isDead: boolean;
  end(): void;
}

export interface CutWorld {
  /** Begins a life. */
  born(): Life;
  clockOf(life: Life): Clock;
  /** A life's own randomness: another life never draws the same. */
  randomOf(life: Life): Random;
  /** Never settles once the life is over: for what a dead process would have gone on with. */
  inLife<T>(life: Life, work: () => Promise<T>): Promise<T>;
  /** Real work of the host (a signature) that no timer stands for. */
  busyWhile<T>(life: Life, work: Promise<T>): Promise<T>;
  /** Lets everything happen until `isThere`; throws when nothing more can happen, or after `limitMs` of the world's time. */
  until(isThere: () => boolean, what: string): Promise<void>;
}

/** No run may take longer (five minutes), and a person's second scan no longer than that again. */
const limitMs = 900_000;
/** A run has some hundred waits; this many turns without an end are a loop. */
const maxTurns = 100_000;

/** Asked again: it may have ended meanwhile. */
export const isOver = (life: Life): boolean => life.isDead;
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createCutWorld(seed: string): CutWorld {
  const timers = new Set<Timer>();
  const startMs = 1_800_000_000_000;
  let elapsedMs = 0;
  let order = 0;
  let drawn = 0;
  const busy = new Map<Promise<unknown>, Life>();
  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      const isEarlier =
        first === undefined || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order);
      if (isEarlier) first = timer;
    }
    return first;
  };
  return {
    born: () => {
      let isDead = false;
      const life: Life = {
        get isDead() {
          return isDead;
        },
        end: () => {
          isDead = true;
          for (const timer of timers) if (timer.life === life) timers.delete(timer);
          for (const [work, whose] of busy) if (whose === life) busy.delete(work);
        },
      };
      return life;
    },
    clockOf: (life) => ({
      nowMs: () => startMs + elapsedMs,
      monotonicMs: () => elapsedMs,
      after(ms, fire) {
        order += 1;
        const timer = { dueMs: elapsedMs + Math.max(0, ms), order, life, fire };
        if (!life.isDead) timers.add(timer);
        return () => void timers.delete(timer);
      },
    }),
    randomOf: () => {
      const bytes = (count: number): Uint8Array => {
        drawn += 1;
        const block = createHash('shake256', { outputLength: count }).update(`${seed} ${drawn}`).digest();
        return new Uint8Array(block);
      };
      const uuid = (): string => {
        const hex = Buffer.from(bytes(16)).toString('hex');
        return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
      };
      return { bytes, uuid, fraction: () => 0.5 };
    },
    inLife: async (life, work) => {
      if (life.isDead) return never();
      const done = await work();
      return isOver(life) ? never() : done;
    },
    busyWhile: async (life, work) => {
      busy.set(work, life);
      try {
        return await work;
      } finally {
        busy.delete(work);
      }
    },
    until: async (isThere, what) => {
      const untilMs = elapsedMs + limitMs;
      for (let turn = 0; turn < maxTurns; turn += 1) {
        do await immediate();
        while (busy.size > 0);
        if (isThere()) return;
        const timer = next();
        if (timer === undefined) throw new Error(`hung: nothing more can happen, and ${what} is not there`);
        timers.delete(timer);
        elapsedMs = Math.max(elapsedMs, timer.dueMs);
        if (elapsedMs > untilMs) throw new Error(`hung: ${limitMs / 1_000} s went by without ${what}`);
        timer.fire();
      }
      throw new Error(`hung: ${maxTurns} turns without ${what}`);
    },
  };
}
