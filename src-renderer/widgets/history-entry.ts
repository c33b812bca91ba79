/** One row of a history, ready to be read. */
import type { ShapeName, Tone } from './shapes.ts';

export interface HistoryEntry {
  readonly key: string;
  readonly shape: ShapeName;
  readonly tone: Tone;
  readonly title: string;
  readonly when: string;
  /** The moment with its zone. */
  readonly exactly: string;
  readonly lines: readonly string[];
  readonly code?: string;
}
