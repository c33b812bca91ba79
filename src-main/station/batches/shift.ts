/** What a shift is for golden samples, and which of them are due in it (docs/decisions/0015). Decides; knows no store. */

export type SampleKind = 'pass' | 'fail';

/** The bench knows no calendar of the hall: a shift is over after so long at the latest. */
const maxShiftMs = 12 * 3_600_000;

/** Times by the station's wall clock. */
export interface ShiftFacts {
  readonly nowMs: number;
  readonly batchOpenedMs: number;
  /** When who works here now took over; undefined on a bench that never had an operator. */
  readonly operatorSinceMs: number | undefined;
}

/**
 * From when on the check of a sample counts for this batch: not before its opening, not before the operator took over, and
 * not before the longest shift.
 */
export function shiftSinceMs({ nowMs, batchOpenedMs, operatorSinceMs }: ShiftFacts): number {
  return Math.max(operatorSinceMs ?? 0, batchOpenedMs, nowMs - maxShiftMs);
}

/** The kind of sample that this batch wants next before it takes units: the known-good one first. */
export function sampleDue(done: { readonly passDone: boolean; readonly failDone: boolean }): SampleKind | undefined {
  if (!done.passDone) return 'pass';
  return done.failDone ? undefined : 'fail';
}
