/** Drains the outbox into the target for as long as the station runs; nothing is given up, and nothing is hurried. */
import { type BackoffLimits, backoffMs } from '../../lib/base/backoff.ts';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import { type Clock, sleep } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { retryAfterMs } from '../../lib/dps/faults.ts';
import type { OutboxCounts, OutboxEntry, OutboxOutcome, OutboxSettlement, SyncStore } from '../batches/store-ports.ts';
import type { Budget } from './budget.ts';
import { type Delivery, type Round, deliver, maxRoundEntries } from './delivery.ts';
import { syncFault } from './faults.ts';
import type { EnrollmentTarget } from './ports.ts';
import { type Wakeable, createWakeable } from './wakeable.ts';

export interface SyncParts {
  readonly store: SyncStore;
  readonly target: EnrollmentTarget;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface SyncView {
  /** `draining`: online with entries on their way; `offline`: the service does not answer as it should. */
  readonly state: 'starting' | 'online' | 'draining' | 'offline';
  readonly sinceMs: number;
  readonly pending: number;
  readonly parked: number;
  readonly sent: number;
  readonly fault?: Fault;
}

export interface Sync {
  view(): SyncView;
  onChange(listener: (view: SyncView) => void): () => void;
  /** Looks at the outbox now; new rows and retries do this by themselves. */
  wake(): void;
  /** Resolves when the round under way has been written down. */
  stop(): Promise<void>;
}

// The service's trouble: quick at first, since an embedded one restarts within a second, then every quarter minute.
const troubleBackoff: BackoffLimits = { firstMs: 500, maxMs: 15_000 };
// One entry's own trouble (the service was too busy for it): it must not be asked about again and again.
const entryBackoff: BackoffLimits = { firstMs: 2_000, maxMs: 300_000 };
// With nothing to send, this often we ask whether the service is there: 6 of its 1,000 operations a minute.
const probeMs = 10_000;
/** SAS tokens are refused beyond this (dps-wire 1.7), and what is enrolled meanwhile would be dated wrongly. */
const maxClockOffsetMs = 300_000;

export function startSync(parts: SyncParts): Sync {
  const drain = new Drain(parts);
  const running = drain.run();
  return {
    view: () => drain.view,
    onChange: (listener) => drain.onChange(listener),
    wake: () => {
      drain.wake();
    },
    async stop() {
      drain.abort();
      await running;
    },
  };
}

const noCounts: OutboxCounts = { pending: 0, sending: 0, sent: 0, parked: 0 };

class Drain {
  readonly #parts: SyncParts;
  readonly #stopping = new AbortController();
  readonly #listeners = new Set<(view: SyncView) => void>();
  readonly #pause: Wakeable;
  #counts: OutboxCounts = noCounts;
  /** What a lost answer of the store may have left `sending`. */
  #mustRelease = true;
  /** Rounds in a row that the service, or the store, was in trouble. */
  #troubles = 0;
  #offsetMs = 0;
  #lastAnswerMs: number | undefined;
  view: SyncView;

  constructor(parts: SyncParts) {
    this.#parts = parts;
    this.#pause = createWakeable(parts.clock);
    this.view = { state: 'starting', sinceMs: parts.clock.nowMs(), pending: 0, parked: 0, sent: 0 };
  }

  get #signal(): CancelSignal {
    return this.#stopping.signal;
  }

  onChange(listener: (view: SyncView) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  wake(): void {
    this.#pause.wake();
  }

  abort(): void {
    this.#stopping.abort();
    this.#pause.wake();
  }

  async run(): Promise<void> {
    const { store, target, log } = this.#parts;
    const unsubscribe = [
      store.onChange((change) => {
        if (change.outbox) this.wake();
      }),
      target.onClockOffset((offsetMs) => {
        this.#offsetMs = offsetMs;
      }),
    ];
    while (!this.#signal.aborted) {
      try {
        await this.#round();
      } catch (error) {
        // A bug must not end sending for good: it is told, and the next round begins anew.
        const reason = error instanceof Error ? error.message : 'unknown';
        log.error('sync-broke', { reason });
        this.#mustRelease = true;
        await this.#hold(syncFault('sync-broke', { reason }));
      }
    }
    for (const stop of unsubscribe) stop();
  }

  async #round(): Promise<void> {
    const ready = (await this.#released()) && (await this.#isReachable());
    if (!ready) return;
    const answer = await this.#parts.store.outboxTake(maxRoundEntries);
    if (!answer.ok) {
      await this.#lostStore(answer.fault);
      return;
    }
    const taken = answer.value;
    await this.#count();
    if (taken.length === 0) {
      this.#troubles = 0;
      this.#tell('online');
      await this.#pause.wait(this.#idleMs(), this.#signal);
      return;
    }
    this.#tell('draining');
    const round = await deliver(taken, { ...this.#parts, signal: this.#signal });
    await this.#settle(taken, round);
  }

  async #released(): Promise<boolean> {
    if (!this.#mustRelease) return true;
    const released = await this.#parts.store.outboxRelease();
    if (!released.ok) {
      await this.#hold(released.fault);
      return false;
    }
    this.#mustRelease = false;
    await this.#count();
    return true;
  }

  /** A call within the last while says that it is; otherwise one is made that changes nothing. */
  async #isReachable(): Promise<boolean> {
    const { clock, target, budget } = this.#parts;
    const isFresh = this.#lastAnswerMs !== undefined && clock.monotonicMs() - this.#lastAnswerMs < probeMs;
    if (!isFresh) {
      await budget.spend(1, this.#signal);
      const probed = await target.probe(this.#signal);
      if (!probed.ok) {
        await this.#hold(this.#clockFault() ?? probed.fault);
        return false;
      }
      this.#lastAnswerMs = clock.monotonicMs();
    }
    const clockFault = this.#clockFault();
    if (clockFault === undefined) return true;
    this.#lastAnswerMs = undefined;
    await this.#hold(clockFault);
    return false;
  }

  #clockFault(): Fault | undefined {
    if (Math.abs(this.#offsetMs) <= maxClockOffsetMs) return undefined;
    return syncFault('clock-off', { seconds: Math.round(Math.abs(this.#offsetMs) / 1_000) });
  }

  async #settle(taken: readonly OutboxEntry[], round: Round): Promise<void> {
    const { clock, random } = this.#parts;
    const { trouble } = round;
    const holdMs = trouble === undefined ? 0 : this.#holdMs(trouble);
    const settlements = taken.map((entry): OutboxSettlement => {
      const delivery = round.deliveries.get(entry.entryId);
      const outcome: OutboxOutcome =
        delivery === undefined
          ? { at: 'pending', dueMs: clock.nowMs() + holdMs, fault: trouble ?? interruptedBy(entry) }
          : outcomeOf(delivery, clock.nowMs() + backoffMs(entry.attempts, random.fraction(), entryBackoff));
      return { entryId: entry.entryId, outcome };
    });
    const settled = await this.#parts.store.outboxSettle(settlements);
    if (!settled.ok) {
      await this.#lostStore(settled.fault);
      return;
    }
    await this.#count();
    if (trouble !== undefined) {
      this.#lastAnswerMs = undefined;
      await this.#hold(trouble, holdMs);
      return;
    }
    if (this.#signal.aborted) return;
    this.#troubles = 0;
    this.#lastAnswerMs = clock.monotonicMs();
  }

  async #lostStore(fault: Fault): Promise<void> {
    this.#mustRelease = true;
    await this.#hold(fault);
  }

  #holdMs(fault: Fault): number {
    this.#troubles += 1;
    const ownMs = backoffMs(this.#troubles, this.#parts.random.fraction(), troubleBackoff);
    return Math.max(ownMs, retryAfterMs(fault) ?? 0);
  }

  /** New rows do not shorten it: the service, not the outbox, is what we wait for. */
  async #hold(fault: Fault, holdMs = this.#holdMs(fault)): Promise<void> {
    if (this.#signal.aborted) return;
    if (this.view.fault?.code !== fault.code) this.#parts.log.warn('sync-held', { code: fault.code });
    this.#tell('offline', fault);
    await sleep(this.#parts.clock, holdMs, this.#signal);
  }

  #idleMs(): number {
    const { clock } = this.#parts;
    const dueInMs = (this.#counts.nextDueMs ?? Number.MAX_SAFE_INTEGER) - clock.nowMs();
    return Math.min(Math.max(dueInMs, 0), probeMs);
  }

  async #count(): Promise<void> {
    const counted = await this.#parts.store.outboxCounts();
    if (!counted.ok) return;
    this.#counts = counted.value;
    this.#tell(this.view.state, this.view.fault);
  }

  #tell(state: SyncView['state'], fault?: Fault): void {
    const before = this.view;
    const { pending, sending, sent, parked } = this.#counts;
    const isSame = state === before.state && fault?.code === before.fault?.code;
    const sinceMs = state === before.state ? before.sinceMs : this.#parts.clock.nowMs();
    this.view = { state, sinceMs, pending: pending + sending, sent, parked, ...(fault === undefined ? {} : { fault }) };
    const countsSame =
      before.pending === this.view.pending && before.sent === this.view.sent && before.parked === this.view.parked;
    if (isSame && countsSame) return;
    for (const listener of this.#listeners) listener(this.view);
  }
}

function outcomeOf(delivery: Delivery, againMs: number): OutboxOutcome {
  return delivery.at === 'again' ? { at: 'pending', dueMs: againMs, fault: delivery.fault } : delivery;
}

function interruptedBy(entry: OutboxEntry): Fault {
  return syncFault('enrollment-not-taken', { key: entry.key, reason: 'the station stopped sending' });
}
