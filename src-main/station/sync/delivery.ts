/** One round: the entries taken from the outbox go to the service, and each comes back with what became of it. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import { isTransient } from '../../lib/dps/faults.ts';
import type { Enrollment, EnrollmentGroup, IndividualEnrollment } from '../batches/enrollment.ts';
import type { OutboxEntry } from '../batches/store-ports.ts';
import type { Budget } from './budget.ts';
import { differenceOf } from './compare.ts';
import { syncFault } from './faults.ts';
import type { EnrollmentTarget, HeldEnrollment, Refusal } from './ports.ts';

/** `again`: nothing is wrong with the entry that a person could mend. */
export type Delivery =
  | { readonly at: 'sent' }
  | { readonly at: 'again'; readonly fault: Fault }
  | { readonly at: 'parked'; readonly fault: Fault };

export interface DeliveryParts {
  readonly target: EnrollmentTarget;
  readonly budget: Budget;
  readonly signal: CancelSignal;
}

export interface Round {
  readonly deliveries: ReadonlyMap<number, Delivery>;
  /** The service itself is the trouble: the rest of the round, and the next one, wait. */
  readonly trouble?: Fault;
}

/** dps-wire 7.5: a bulk takes ten. */
export const maxRoundEntries = 10;

/** Families first: their members cannot register before. */
export async function deliver(entries: readonly OutboxEntry[], parts: DeliveryParts): Promise<Round> {
  const round = new RoundWork(parts);
  for (const entry of entries.filter(({ kind }) => kind === 'group')) await round.group(entry);
  const individuals = entries.filter(({ kind }) => kind === 'individual');
  for (const entry of individuals.filter(({ act }) => act !== 'create')) await round.superseding(entry);
  await round.individuals(individuals.filter(({ act }) => act === 'create'));
  return round.trouble === undefined
    ? { deliveries: round.deliveries }
    : { deliveries: round.deliveries, trouble: round.trouble };
}

class RoundWork {
  readonly deliveries = new Map<number, Delivery>();
  trouble: Fault | undefined;
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** A group is put only where none is: a put replaces what is there. After a lost reply the look tells. */
  async group(entry: OutboxEntry): Promise<void> {
    const ours = JSON.parse(entry.body) as EnrollmentGroup;
    const { target, signal } = this.#parts;
    const held = await this.#call(1, () => target.group(entry.key, signal));
    if (held === undefined) return;
    if (!held.ok) {
      this.#failed(entry, held.fault);
      return;
    }
    if (held.value !== undefined) {
      this.#compared(entry, ours, held.value);
      return;
    }
    const put = await this.#call(1, () => target.putGroup(ours, signal));
    if (put === undefined) return;
    if (put.ok) this.deliveries.set(entry.entryId, { at: 'sent' });
    else this.#failed(entry, put.fault);
  }

  /** After rework: the look tells whether an earlier put got through, and whether there is anything to disable. */
  async superseding(entry: OutboxEntry): Promise<void> {
    const ours = JSON.parse(entry.body) as IndividualEnrollment;
    const { target, signal } = this.#parts;
    const held = await this.#call(1, () => target.individual(entry.key, signal));
    if (held === undefined) return;
    if (!held.ok) {
      this.#failed(entry, held.fault);
      return;
    }
    if (held.value === undefined && entry.act === 'replace') {
      await this.individuals([entry]);
      return;
    }
    const isDone = held.value === undefined || differenceOf(ours, held.value) === undefined;
    const put = isDone ? ok() : await this.#call(1, () => target.replace(ours, signal));
    if (put === undefined) return;
    if (put.ok) this.deliveries.set(entry.entryId, { at: 'sent' });
    else this.#failed(entry, put.fault);
  }

  async individuals(entries: readonly OutboxEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const bodies = entries.map((entry) => JSON.parse(entry.body) as IndividualEnrollment);
    const { target, signal } = this.#parts;
    const created = await this.#call(entries.length, () => target.create(bodies, signal));
    if (created === undefined) return;
    if (created.ok) await this.#created(entries, created.value);
    else if (isAboutEntries(created.fault)) await this.#refusedWhole(entries, created.fault);
    else this.trouble = created.fault;
  }

  async #created(entries: readonly OutboxEntry[], refused: readonly Refusal[]): Promise<void> {
    const refusals = new Map(refused.map((refusal) => [refusal.registrationId.toLowerCase(), refusal]));
    const keys = new Set(entries.map(({ key }) => key.toLowerCase()));
    // A refusal of nobody we know may be of any entry that none names: each of those is read back.
    const unmatched = refused.find(({ registrationId }) => !keys.has(registrationId.toLowerCase()));
    for (const entry of entries) {
      const refusal = refusals.get(entry.key.toLowerCase()) ?? unmatched;
      if (refusal === undefined) this.deliveries.set(entry.entryId, { at: 'sent' });
      else await this.#refused(entry, refusal);
    }
  }

  /** The bulk as a whole was refused for one of its entries: alone, each shows whether it is the one. */
  async #refusedWhole(entries: readonly OutboxEntry[], fault: Fault): Promise<void> {
    const [only, ...others] = entries;
    if (only === undefined) return;
    if (others.length === 0) await this.#refused(only, { registrationId: only.key, ...reasonOf(fault) });
    else for (const entry of entries) await this.individuals([entry]);
  }

  /** The codes of single refusals are not written down anywhere: what the service holds tells more than they do. */
  async #refused(entry: OutboxEntry, refusal: Refusal): Promise<void> {
    const { target, signal } = this.#parts;
    const { errorCode, reason } = refusal;
    const status = Math.floor(errorCode / 1_000);
    if (status === 429 || status >= 500) {
      this.deliveries.set(entry.entryId, {
        at: 'again',
        fault: syncFault('enrollment-not-taken', { key: entry.key, reason }),
      });
      return;
    }
    const held = await this.#call(1, () => target.individual(entry.key, signal));
    if (held === undefined) return;
    if (!held.ok) this.#failed(entry, held.fault);
    else if (held.value !== undefined) this.#compared(entry, JSON.parse(entry.body) as Enrollment, held.value);
    else this.#park(entry, syncFault('enrollment-refused', { key: entry.key, reason, errorCode }));
  }

  #compared(entry: OutboxEntry, ours: Enrollment, held: HeldEnrollment): void {
    const member = differenceOf(ours, held);
    if (member === undefined) this.deliveries.set(entry.entryId, { at: 'sent' });
    else this.#park(entry, syncFault('enrollment-differs', { key: entry.key, member }));
  }

  #failed(entry: OutboxEntry, fault: Fault): void {
    if (!isAboutEntries(fault)) {
      this.trouble = fault;
      return;
    }
    this.#park(entry, syncFault('enrollment-refused', { key: entry.key, ...reasonOf(fault) }));
  }

  #park(entry: OutboxEntry, fault: Fault): void {
    this.deliveries.set(entry.entryId, { at: 'parked', fault });
  }

  /** Undefined when the round is over: the service is in trouble, or we stop. */
  async #call<T>(operations: number, call: () => Promise<Result<T>>): Promise<Result<T> | undefined> {
    const { budget, signal } = this.#parts;
    if (this.trouble !== undefined) return undefined;
    await budget.spend(operations, signal);
    if (signal.aborted) return undefined;
    return call();
  }
}

function reasonOf(fault: Fault): Pick<Refusal, 'errorCode' | 'reason'> {
  const { message, errorCode } = fault.detail ?? {};
  return { reason: typeof message === 'string' ? message : fault.say, errorCode: Number(errorCode ?? 0) };
}

/** Everything else says something about the service, the way to it, or our credential, not about what was sent. */
function isAboutEntries(fault: Fault): boolean {
  return !isTransient(fault) && (fault.code === 'call-refused' || fault.code === 'conflict');
}
