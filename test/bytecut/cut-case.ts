/** One unit, one cut, one restart: and what must be true of the world afterwards. */
import { systemRandom } from '../../src-main/lib/base/host.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import { type Database, type ReadDb, openDatabase } from '../../src-main/lib/sqlite/database.ts';
import type { BatchTerms } from '../../src-main/contract/views.ts';
import type { BatchSigner } from '../../src-main/station/batches/terms.ts';
import type { BenchJournal, DeviceSigner, UnitDriver } from '../../src-main/station/bench/ports.ts';
import { type Store, storeOver } from '../../src-main/station/queue/store.ts';
import { type Direction, createCutLine } from './cut-line.ts';
import { type CutStation, type DriverParts, startCutStation } from './cut-station.ts';
import type { CutUnit } from './cut-unit.ts';
import { type CutWorld, createCutWorld } from './cut-world.ts';

/** One kind of unit: how the station speaks to it, and what it is. */
export interface CutKind {
  readonly name: string;
  readonly attestation: 'tpm' | 'x509';
  /** Two labels, and what they have in common. */
  readonly serialNumbers: readonly [string, string];
  readonly serialPattern: string;
  readonly takesSettings: boolean;
  /** A key and its certificate are made once, whatever is cut; consoles know no request ids, and a cut may cost a second. */
  readonly isMadeOnce: boolean;
  driverOver(stream: ByteStream, parts: DriverParts): UnitDriver;
  /** One of two units of the kind, each with keys of its own. */
  unit(world: CutWorld, at: 0 | 1): CutUnit;
}

export interface CutSigner {
  readonly device: (world: CutWorld) => DeviceSigner;
  readonly batch: BatchSigner;
}

/** `kill`: SIGKILL of the station; `pull`: the cable, and with it the unit's power; `hall`: everything at once. */
export const ends = ['kill', 'pull', 'hall'] as const;
export type End = (typeof ends)[number];

export type Place =
  | { readonly at: 'byte'; readonly direction: Direction; readonly byte: number }
  | { readonly at: 'step'; readonly count: number; readonly when: 'before' | 'after' };

export interface Cut {
  readonly place: Place;
  readonly end: End;
  /** Another unit is in the slot when the station comes back; the first one follows. */
  readonly isSwapped: boolean;
}

/** What can be made wrong on purpose: a proof that stays green then proves nothing. */
export type Spoil = (journal: BenchJournal) => BenchJournal;

export interface TryOptions {
  readonly spoil?: Spoil;
  /**
   * States of disk and unit from which it was seen how it goes on. A cut that leads to one of them again is not followed
   * to its end once more; absent: each is.
   */
  readonly seen?: Set<string>;
}

export interface Trace {
  readonly isStruck: boolean;
  /** Followed until every unit had passed, and not only to a state that was followed before. */
  readonly isFollowed: boolean;
  readonly bytes: Readonly<Record<Direction, number>>;
  readonly steps: readonly string[];
}

const terms: BatchTerms = {
  ...{ name: 'Cut', product: 'Unit', quantity: 10, attestation: 'mixed', enrollmentKind: 'individual' },
  ...{ keyAlgorithm: 'p256', deviceIdTemplate: '{registrationId}', serialPattern: '' },
  ...{ ekCertificatePolicy: 'none', deviceProfile: 'bench-link' },
};
/** The station's own recovery, and two scans of a person: nothing needs more. */
const maxScans = 2;

/** Throws what does not hold. Without a cut: the trace of a run that goes through. */
export async function tryCut(
  kind: CutKind,
  signer: CutSigner,
  cut?: Cut,
  { spoil, seen }: TryOptions = {},
): Promise<Trace> {
  const world = createCutWorld(`${kind.name} ${JSON.stringify(cut)}`);
  const { store, diskShape } = emptyStore();
  try {
    const order = { terms: { ...terms, serialPattern: kind.serialPattern }, openedBy: 'Sam', signer: signer.batch };
    const batch = must(store.operations.openedBatch(must(store.operations.openBatch(order)).batchId));
    const line = createCutLine();
    const units = [kind.unit(world, 0), kind.unit(world, 1)] as const;
    const steps: string[] = [];
    const broken: string[] = [];
    let atStep: (count: number, when: 'before' | 'after') => void = () => undefined;
    const start = (): CutStation =>
      startCutStation({
        ...{ world, store, batch, signer: signer.device(world), broken },
        openPort: () => line.openStation(),
        driverOver: (stream, parts) => kind.driverOver(stream, parts),
        atStep: (step, when) => {
          if (when === 'before') steps.push(step);
          atStep(steps.length, when);
        },
        ...(spoil === undefined ? {} : { spoil }),
      });
    const bench = new Bed({ world, store, line, units, start, diskShape });
    const struck = { is: false };
    const strike = (): void => {
      if (cut === undefined || struck.is) return;
      struck.is = true;
      bench.strike(cut.end);
    };
    const place = cut?.place;
    if (place?.at === 'byte') line.arm(place.direction, place.byte, strike);
    atStep = (count, when) => {
      if (place?.at === 'step' && count === place.count && when === place.when) strike();
    };
    await bench.firstRun(() => struck.is);
    const trace = { isStruck: struck.is, isFollowed: true, bytes: { ...line.counted }, steps: [...steps] };
    if (cut !== undefined && struck.is) {
      const isNew = (state: string): boolean => {
        const key = `${kind.name}: ${JSON.stringify({ ...cut, place: cut.place.at })} ${state}`;
        const wasSeen = seen?.has(key) === true;
        seen?.add(key);
        return !wasSeen;
      };
      if (!(await bench.afterwards(cut, isNew))) return { ...trace, isFollowed: false };
    }
    checkWorld({ kind, store, units: bench.scanned, broken });
    return trace;
  } finally {
    // What a dead life still holds must not find a store any more.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const tables = [
  'recoveries',
  'intents',
  'claims',
  'runs',
  'units',
  'outbox',
  'batches',
  'unit_counts',
  'outbox_counts',
];
let kept: { readonly db: Database; readonly store: Store } | undefined;

/** One file in memory for all cuts, its rows taken away before each: making its tables anew costs more than a run. */
function emptyStore(): { readonly store: Store; readonly diskShape: () => string } {
  kept ??= newStore();
  const { db, store } = kept;
  must(
    db.write((write) => {
      for (const table of tables) write.run(`DELETE FROM ${table}`);
      return ok();
    }),
  );
  return { store, diskShape: () => must(db.read(diskShapeOf)) };
}

function diskShapeOf(db: ReadDb): string {
  return JSON.stringify([
    db.all('SELECT state, attestation, runs, passed_ms IS NULL AS a FROM units ORDER BY seq'),
    db.all(`SELECT verdict, phase, json_extract(fault, '$.code') AS f FROM runs ORDER BY seq`),
    db.all('SELECT kind, count(*) AS n FROM claims GROUP BY kind'),
    db.all(
      `SELECT step, outcome, closed_ms IS NULL AS c, spent_ms IS NULL AS s, content IS NULL AS n FROM intents
        ORDER BY seq`,
    ),
    db.all('SELECT count(DISTINCT request_id) AS ids, count(DISTINCT sha256) AS contents FROM intents'),
    db.all(`SELECT state, is_auto, json_extract(fault, '$.code') AS f FROM recoveries`),
    db.all('SELECT kind, state FROM outbox ORDER BY id'),
  ]);
}

function newStore() {
  const db = must(openDatabase({ file: ':memory:' }));
  return { db, store: must(storeOver(db, { random: systemRandom, nowMs: () => 1_800_000_000_000 })) };
}

interface BedParts {
  readonly world: CutWorld;
  readonly store: Store;
  readonly line: ReturnType<typeof createCutLine>;
  readonly units: readonly [CutUnit, CutUnit];
  readonly start: () => CutStation;
  /** What is on disk, without ids, times and keys. */
  readonly diskShape: () => string;
}

class Bed {
  readonly #parts: BedParts;
  #station: CutStation;
  #plugged: CutUnit;
  /** Units that a person scanned: these, and no others, pass. */
  readonly scanned: CutUnit[];

  constructor(parts: BedParts) {
    this.#parts = parts;
    this.#plugged = parts.units[0];
    this.scanned = [parts.units[0]];
    this.#plugged.power(parts.line.powerUnit());
    this.#station = parts.start();
  }

  /** The run that is cut: it ends, or everything that could have ended it is gone. */
  async firstRun(isStruck: () => boolean): Promise<void> {
    const { world, units } = this.#parts;
    void this.#station.scan(units[0].serialNumber);
    await world.until(() => isStruck() || this.#isEnded(), 'the first verdict');
  }

  strike(end: End): void {
    const { line } = this.#parts;
    if (end !== 'pull') {
      this.#station.kill();
      line.abandonStation();
    }
    if (end === 'kill') return;
    this.#plugged.cutPower();
    line.pull();
  }

  /** What people and stations do after a cut, until every unit has passed; false when how it goes on was seen before. */
  async afterwards({ end, isSwapped, place }: Cut, isNew: (state: string) => boolean): Promise<boolean> {
    const { world, units } = this.#parts;
    const [own, other] = units;
    if (end === 'pull') await world.until(() => this.#isEnded(), 'the verdict of a pulled cable');
    else this.#station = this.#parts.start();
    const isAtByte = place.at === 'byte';
    const hasPower = end === 'kill' && !isSwapped;
    if (!hasPower) this.#plug(isSwapped ? other : own);
    // A unit without power remembers its flash alone.
    if (isAtByte && !hasPower && !isNew(this.#shape())) return false;
    if (end !== 'pull' && !(await this.#recover(isAtByte && hasPower, isNew))) return false;
    if (isSwapped) await this.#swapBack(own, other);
    await this.#pass(own);
    return true;
  }

  async #swapBack(own: CutUnit, other: CutUnit): Promise<void> {
    if (other.made.keys.size + other.made.chains.size + other.made.settings.size > 0)
      throw new Error('a unit that nobody scanned was written to');
    this.scanned.push(other);
    await this.#pass(other);
    this.#plug(own);
  }

  /** The start after a kill; false when how it goes on from where it has come to was seen before. */
  async #recover(isAliveUnit: boolean, isNew: (state: string) => boolean): Promise<boolean> {
    const { world, line } = this.#parts;
    const before = { whole: line.wholeWrites, heard: line.counted['to station'] };
    const recovered = { done: false };
    void this.#station.recover().then(() => (recovered.done = true));
    const isOver = (): boolean => recovered.done && this.#isEnded();
    if (isAliveUnit) {
      // It still holds the beginning of a frame: that is over once it has answered again.
      await world.until(() => line.counted['to station'] > before.heard || isOver(), 'an answer after the restart');
      if (!isNew(`${before.whole} ${this.#shape()}`)) {
        this.strike('hall');
        return false;
      }
    }
    await world.until(isOver, 'the end of the recovery');
    return true;
  }

  #shape(): string {
    return `${this.#parts.units[0].shape()} | ${this.#parts.diskShape()}`;
  }

  #plug(unit: CutUnit): void {
    const { line } = this.#parts;
    this.#plugged.cutPower();
    line.pull();
    this.#plugged = unit;
    unit.power(line.powerUnit());
  }

  async #pass({ serialNumber }: CutUnit): Promise<void> {
    for (let scans = 0; scans < maxScans && !this.#hasPassed(serialNumber); scans += 1) {
      const scanned = { done: false };
      void this.#station.scan(serialNumber).then(() => (scanned.done = true));
      await this.#parts.world.until(() => scanned.done && this.#isEnded(), 'a verdict after the cut');
    }
    if (this.#hasPassed(serialNumber)) return;
    throw new Error(`${serialNumber} did not pass after the cut: ${JSON.stringify(this.#station.run())}`);
  }

  #isEnded(): boolean {
    return this.#station.run()?.state !== 'working';
  }

  #hasPassed(serialNumber: string): boolean {
    const { items } = must(this.#parts.store.operations.listUnits({ search: serialNumber, limit: 2 }));
    return items[0]?.state === 'passed';
  }
}

interface Checked {
  readonly kind: CutKind;
  readonly store: Store;
  readonly units: readonly CutUnit[];
  readonly broken: readonly string[];
}

/** Never two identities for a unit or one for two, never a pass that is not on disk, nothing left half done. */
function checkWorld({ kind, store, units, broken }: Checked): void {
  const { operations } = store;
  const wrong = [...broken];
  const expectThat = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what);
  };
  const all = must(operations.listUnits({ limit: 10 })).items;
  expectThat(all.length === units.length, `${all.length} units are on disk`);
  const outbox = must(operations.listOutbox({ limit: 10 })).items;
  expectThat(outbox.length === units.length, `${outbox.length} enrollments for ${units.length} units`);
  if (new Set(all.map(({ fingerprint }) => fingerprint)).size !== units.length)
    wrong.push('one identity for two units');
  const waiting = must(operations.listRecoveries()).filter(({ state }) => state !== 'finished');
  expectThat(waiting.length === 0, `a recovery is still ${waiting[0]?.state ?? ''}`);
  for (const unit of units) {
    const row = all.find(({ serialNumber }) => serialNumber === unit.serialNumber);
    const passes = must(operations.unitHistory(row?.unitId ?? '')).runs.filter(({ verdict }) => verdict === 'pass');
    expectThat(passes.length === 1, `${passes.length} passes of one unit`);
    wrong.push(...identityOf(kind, unit, row?.fingerprint));
  }
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}

function identityOf(kind: CutKind, { made, holds }: CutUnit, fingerprint: string | undefined): readonly string[] {
  const wrong: string[] = [];
  const settings = kind.takesSettings ? 1 : 0;
  if (made.settings.size !== settings) wrong.push(`${made.settings.size} settings were written to one unit`);
  if (kind.attestation === 'x509') {
    const isMany = ({ size }: ReadonlySet<string>): boolean => (kind.isMadeOnce ? size !== 1 : size === 0);
    if (isMany(made.keys)) wrong.push(`${made.keys.size} keys were made by one unit`);
    if (isMany(made.chains)) wrong.push(`${made.chains.size} certificates were written to one unit`);
  }
  const held = holds();
  if (held.wrong !== undefined) wrong.push(held.wrong);
  if (held.fingerprint !== fingerprint) wrong.push('the unit holds another identity than the one on disk');
  return wrong;
}
