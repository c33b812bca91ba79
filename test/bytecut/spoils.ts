/** Faults that a station must not have, planted into what it writes and into its drivers: the proof has to find each. */
import { ok } from '../../src-main/lib/base/result.ts';
import type { BenchJournal, Intent, UnitDriver } from '../../src-main/station/bench/ports.ts';
import type { CutKind, Spoil } from './cut-case.ts';
import type { CutWorld } from './cut-world.ts';

export interface Planted {
  readonly kind: string;
  readonly spoil?: Spoil;
  readonly spoilDriver?: (driver: UnitDriver, world: CutWorld) => UnitDriver;
}

/** The kind with the fault in its driver. */
export function spoiledKind(kind: CutKind, { spoilDriver }: Planted): CutKind {
  if (spoilDriver === undefined) return kind;
  return { ...kind, driverOver: (stream, parts) => spoilDriver(kind.driverOver(stream, parts), parts.world) };
}

export const spoils: Readonly<Record<string, Planted>> = {
  'an intent that is written only after the unit was': { kind: 'bench-link x509', spoil: intentAfterWrite },
  'a retry under a new request id': {
    kind: 'bench-link x509',
    spoil: (journal) => ({
      ...journal,
      begin: async (start) => {
        const begun = await journal.begin(start);
        return begun.ok ? ok({ ...begun.value, open: [], done: [] }) : begun;
      },
    }),
  },
  'a certificate that is not kept before the unit gets it': {
    kind: 'bench-link x509',
    spoil: (journal) => ({ ...journal, intend: (runId, intent) => journal.intend(runId, withoutContent(intent)) }),
  },
  'a pass that is shown before it is committed': {
    kind: 'tpm-tunnel tpm',
    spoil: (journal) => ({ ...journal, pass: async () => ok() }),
  },
  'a credential of a cut run that stays beside the new one': {
    kind: 'nordic-nrf91 x509',
    spoilDriver: (driver) => ({ ...driver, retire: async () => ok() }),
  },
  'a request of a key that is not there any more': {
    kind: 'example-board x509',
    spoilDriver: withOldRequest,
  },
};

const requests = new WeakMap<CutWorld, Map<string, Uint8Array>>();

/** The request of an earlier key of this unit, as a cache that outlives the run would give it. */
function withOldRequest(driver: UnitDriver, world: CutWorld): UnitDriver {
  const known = requests.get(world) ?? new Map<string, Uint8Array>();
  requests.set(world, known);
  return {
    ...driver,
    createCsr: async (requestId, commonName) => {
      const before = known.get(commonName);
      const made = before === undefined ? await driver.createCsr(requestId, commonName) : ok(before);
      if (made.ok) known.set(commonName, made.value);
      return made;
    },
  };
}

/** Nothing is on disk while the unit is written: the intent follows with its answer. */
function intentAfterWrite(journal: BenchJournal): BenchJournal {
  return {
    ...journal,
    intend: async () => ok(),
    fulfil: async (runId, intent, outcome) => {
      const intended = await journal.intend(runId, intent);
      return intended.ok ? journal.fulfil(runId, intent, outcome) : intended;
    },
  };
}

function withoutContent({ content: _, ...intent }: Intent): Intent {
  return intent;
}
