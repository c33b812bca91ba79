/** What a screen may see of units that were interrupted, of a unit's history, and of golden samples. */
import { z } from 'zod';
import { Fault, phases, verdicts } from './views.ts';

const Id = z.string().min(1).max(128);
const TimeMs = z.number().nonnegative();
const Count = z.int().nonnegative();

/** One irreversible write to a unit, in the order in which a run comes to them. */
export const steps = ['generate-key', 'write-certificates', 'write-settings', 'retire', 'lock'] as const;
export type Step = (typeof steps)[number];

export const recoveryStates = ['waiting', 'asking', 'named', 'set-aside', 'finished'] as const;
export type RecoveryState = (typeof recoveryStates)[number];

/** A unit whose run was cut: listed until a person scraps it, or, once it is `finished`, until the next start. */
export const RecoveryUnitView = z.object({
  unitId: Id,
  /** The run that was cut; of several, the last. */
  runId: Id,
  serialNumber: Id,
  /** The slot it was in. */
  slot: z.int().min(1).max(16),
  batchId: Id,
  /** How far the run is known to have come. */
  phase: z.enum(phases),
  interruptedMs: TimeMs,
  /** Writes that were begun and not answered for: they may have happened, or not. */
  open: z.array(z.enum(steps)),
  /**
   * `waiting`: for a person, or for the unit to be plugged in; `asking`: a run asks it what it holds, and finishes it;
   * `named`: by the station, with a fault; `set-aside`: by a person, with a reason; `finished`: it passed.
   */
  state: z.enum(recoveryStates),
  fault: Fault.optional(),
  /** Of a unit that is set aside: why, by whom, and when. */
  reason: z.string().optional(),
  decidedBy: z.string().optional(),
  decidedMs: TimeMs.optional(),
});
export type RecoveryUnitView = z.infer<typeof RecoveryUnitView>;

/** What a technician is told of a unit that an identity belongs to: every run, and what rework superseded. */
export const UnitHistoryView = z.object({
  unitId: Id,
  serialNumber: Id,
  /** Newest first. */
  runs: z
    .array(
      z.object({
        runId: Id,
        number: Count,
        slot: z.int(),
        operator: z.string(),
        startedMs: TimeMs,
        endedMs: TimeMs.optional(),
        phase: z.enum(phases).optional(),
        verdict: z.enum(verdicts).optional(),
        fault: Fault.optional(),
      }),
    )
    .max(200),
  /** Identities that the unit had and has no more, newest first. */
  superseded: z
    .array(
      z.object({
        reason: z.string(),
        by: z.string(),
        atMs: TimeMs,
        passedMs: TimeMs,
        registrationId: Id,
        deviceId: Id.optional(),
        fingerprint: z.string().optional(),
      }),
    )
    .max(200),
});
export type UnitHistoryView = z.infer<typeof UnitHistoryView>;

/** A unit kept to check the bench: known by name, never enrolled. */
export const GoldenSampleView = z.object({
  name: z.string(),
  serialNumber: Id,
  /** `pass`: known good; `fail`: known bad, it must be refused. */
  expect: z.enum(['pass', 'fail']),
  addedMs: TimeMs,
  addedBy: z.string(),
  /** Its last run on this station. */
  lastRun: z.object({ verdict: z.enum(verdicts), isAsExpected: z.boolean(), atMs: TimeMs }).optional(),
});
export type GoldenSampleView = z.infer<typeof GoldenSampleView>;
