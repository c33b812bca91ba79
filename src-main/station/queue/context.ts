/** What the parts of the store share: the file, the time of the present call, and the note of what the call changes. */
import type { Random } from '../../lib/base/random.ts';
import type { Result } from '../../lib/base/result.ts';
import type { Database, WriteDb } from '../../lib/sqlite/database.ts';
import type { BatchId, UnitId } from '../batches/model.ts';

/** What a commit changed, for whoever shows it. */
export interface StoreChange {
  readonly units: readonly UnitId[];
  /** More units changed than are listed: look at all of them again. */
  readonly moreUnits: boolean;
  readonly batches: readonly BatchId[];
  readonly outbox: boolean;
}

/** Filled while a transaction runs; it counts only when that commits. */
export interface ChangeNote {
  unit(unitId: UnitId): void;
  manyUnits(): void;
  batch(batchId: BatchId): void;
  outbox(): void;
}

export interface StoreContext {
  readonly db: Database;
  readonly random: Random;
  nowMs(): number;
  /** One transaction; what it noted is told after the commit. */
  write<T>(change: (db: WriteDb, note: ChangeNote) => Result<T>): Result<T>;
}

// A message to a screen names at most this many; beyond it a screen reads its page again anyway.
const maxNotedUnits = 200;

export interface ChangeLedger {
  write: StoreContext['write'];
  /** What was committed since the last take; undefined when nothing was. */
  take(): StoreChange | undefined;
}

export function createChangeLedger(db: Database): ChangeLedger {
  let told = emptyNotes();
  return {
    write(change) {
      const notes = emptyNotes();
      const result = db.write((write) => change(write, noteInto(notes)));
      if (result.ok) told = joined(told, notes);
      return result;
    },
    take() {
      const { units, batches, moreUnits, outbox } = told;
      told = emptyNotes();
      if (units.size === 0 && batches.size === 0 && !moreUnits && !outbox) return undefined;
      const listed = Array.from(units).slice(0, maxNotedUnits);
      return {
        units: listed,
        moreUnits: moreUnits || units.size > maxNotedUnits,
        batches: Array.from(batches),
        outbox,
      };
    },
  };
}

interface Notes {
  readonly units: ReadonlySet<UnitId>;
  readonly batches: ReadonlySet<BatchId>;
  moreUnits: boolean;
  outbox: boolean;
}

interface OpenNotes extends Notes {
  readonly units: Set<UnitId>;
  readonly batches: Set<BatchId>;
}

function emptyNotes(): OpenNotes {
  return { units: new Set(), batches: new Set(), moreUnits: false, outbox: false };
}

function noteInto(notes: OpenNotes): ChangeNote {
  return {
    unit: (unitId) => void notes.units.add(unitId),
    manyUnits: () => void (notes.moreUnits = true),
    batch: (batchId) => void notes.batches.add(batchId),
    outbox: () => void (notes.outbox = true),
  };
}

function joined(left: Notes, right: Notes): OpenNotes {
  return {
    units: new Set([...left.units, ...right.units]),
    batches: new Set([...left.batches, ...right.batches]),
    moreUnits: left.moreUnits || right.moreUnits,
    outbox: left.outbox || right.outbox,
  };
}
