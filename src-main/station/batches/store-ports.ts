/** What sync, life watching and reports need of the store. What a method says is committed when it resolves. */
import type { Fault } from '../../lib/base/fault.ts';
import type { Result } from '../../lib/base/result.ts';
import type { BatchId, SerialNumber, UnitId } from './model.ts';

/** One enrollment on its way to the service. */
export interface OutboxEntry {
  readonly entryId: number;
  readonly kind: 'individual' | 'group';
  /** Registration id, or enrollment group id: the key under which the service keeps it, once. */
  readonly key: string;
  /** `replace` and `disable` put the body in place of what the service holds; `create` never does. */
  readonly act: 'create' | 'replace' | 'disable';
  /** JSON of the enrollment, as it is sent. */
  readonly body: string;
  /** How many times it was taken, this time included. */
  readonly attempts: number;
  readonly createdMs: number;
}

export type OutboxOutcome =
  | { readonly at: 'sent' }
  | { readonly at: 'pending'; readonly dueMs: number; readonly fault: Fault }
  | { readonly at: 'parked'; readonly fault: Fault };

export interface OutboxSettlement {
  readonly entryId: number;
  readonly outcome: OutboxOutcome;
}

export interface OutboxCounts {
  readonly pending: number;
  readonly sending: number;
  readonly sent: number;
  readonly parked: number;
  /** When the next pending entry falls due. */
  readonly nextDueMs?: number;
}

/** A unit whose next step in life is awaited. */
export interface AwaitedUnit {
  readonly unitId: UnitId;
  readonly state: 'enrolled' | 'registered';
  readonly registrationId: string;
  readonly deviceId?: string;
  readonly hub?: string;
  /** When it came into this state. */
  readonly sinceMs: number;
  /** Of a unit that was done again: when the service says it registered before, which it may go on telling. */
  readonly registeredAfterMs?: number;
}

export type UnitLife =
  | {
      readonly unitId: UnitId;
      readonly at: 'registered';
      readonly hub: string;
      readonly deviceId: string;
      readonly atMs: number;
    }
  | { readonly unitId: UnitId; readonly at: 'seen'; readonly atMs: number }
  | { readonly unitId: UnitId; readonly at: 'waiting' };

/** `nextLookMs`: when to look at the unit again, if there is anything left to await. */
export type LifeSettlement = UnitLife & { readonly nextLookMs: number };

export interface SyncStore {
  /**
   * Entries that a dead process, or a lost answer of the store, left `sending` are pending again; times that a wrong
   * clock left far in the future are now.
   */
  outboxRelease(): Promise<Result<void>>;
  /** Marks the oldest due entries as `sending`, at most `limit`. */
  outboxTake(limit: number): Promise<Result<readonly OutboxEntry[]>>;
  /** `sent` makes the units of the entry enrolled, in the same transaction. */
  outboxSettle(settlements: readonly OutboxSettlement[]): Promise<Result<void>>;
  outboxCounts(): Promise<Result<OutboxCounts>>;
  /** Units due for a look, longest due first. */
  lifeDue(limit: number): Promise<Result<readonly AwaitedUnit[]>>;
  lifeSettle(settlements: readonly LifeSettlement[]): Promise<Result<void>>;
  /** Told after each commit; `outbox`: entries came, went or changed. */
  onChange(listener: (change: { readonly outbox: boolean }) => void): () => void;
}

/** One line of a batch report. */
export interface ReportUnit {
  readonly serialNumber: SerialNumber;
  readonly state: string;
  readonly verdict?: string;
  readonly phase?: string;
  readonly faultCode?: string;
  readonly faultSay?: string;
  readonly operator?: string;
  readonly slot?: number;
  readonly runs: number;
  readonly model?: string;
  readonly firmware?: string;
  readonly isLocked?: true;
  readonly attestation?: string;
  readonly registrationId?: string;
  readonly deviceId?: string;
  readonly fingerprint?: string;
  readonly enrollmentKind?: string;
  readonly enrollmentKey?: string;
  readonly enrollmentState?: string;
  readonly hub?: string;
  readonly firstRunMs?: number;
  readonly passedMs?: number;
  readonly enrolledMs?: number;
  readonly registeredMs?: number;
  readonly seenMs?: number;
  /** What a person decided on a unit that was interrupted and has not passed since. */
  readonly decision?: 'set-aside' | 'scrapped';
  readonly decisionReason?: string;
  readonly decidedBy?: string;
  readonly decidedMs?: number;
}

export interface ReportBatch {
  readonly batchId: BatchId;
  readonly name: string;
  readonly product: string;
  readonly quantity: number;
  readonly state: string;
  readonly openedMs: number;
  readonly openedBy: string;
  readonly closedMs?: number;
  readonly stationId: string;
  /** Number and SHA-256 of the newest event when the report began. */
  readonly chainSeq: number;
  readonly chainHead: string;
}

export interface ReportSource {
  /** `latest`: the one opened last. */
  reportBatch(batchId: string): Promise<Result<ReportBatch>>;
  /** The next page of units in the order of their first run; `after` is the last page's `next`. */
  reportUnits(
    batchId: BatchId,
    after: number,
  ): Promise<Result<{ readonly units: readonly ReportUnit[]; readonly next?: number }>>;
}
