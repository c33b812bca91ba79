/** What a scan means after the scans before it: a double read is none, and a slot that was scanned waits for its unit. */
import type { Clock } from '../../lib/base/clock.ts';
import { type Result, ok } from '../../lib/base/result.ts';
import type { Scan, ScanReader } from './scan-reader.ts';

export type RoutedScan = (Scan & { readonly at?: number }) | { readonly kind: 'repeat' };

export interface ScanRouter {
  take(text: string, inHand: number | undefined, reader: ScanReader): Result<RoutedScan>;
  /** The unit that the scanned slot waited for has begun its run there. */
  landed(): void;
}

// Whoever scanned a slot and went away does not mean it any more for the unit of an hour later.
const aimMs = 60_000;

export function createScanRouter(clock: Pick<Clock, 'monotonicMs'>): ScanRouter {
  let last: { readonly text: string; readonly atMs: number } | undefined;
  let aim: { readonly slot: number; readonly atMs: number } | undefined;
  return Object.freeze({
    take(text, inHand, reader) {
      const nowMs = clock.monotonicMs();
      const isRepeat = last?.text === text && nowMs - last.atMs < reader.rules.blankingMs;
      // Counted from the latest read: a scanner that stays on a label reads it for as long as it stays.
      last = { text, atMs: nowMs };
      if (isRepeat) return ok({ kind: 'repeat' });
      const read = reader.read(text);
      if (!read.ok) return read;
      if (read.value.kind === 'slot') aim = { slot: read.value.slot, atMs: nowMs };
      const aimed = aim !== undefined && nowMs - aim.atMs < aimMs ? aim.slot : undefined;
      const at = inHand ?? aimed;
      return ok(at === undefined ? read.value : { ...read.value, at });
    },
    landed() {
      aim = undefined;
    },
  } satisfies ScanRouter);
}
