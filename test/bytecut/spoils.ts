/** Faults that a station must not have, planted into what it writes: the proof has to find each. */
import { ok } from '../../src-main/lib/base/result.ts';
import type { BenchJournal, Intent } from '../../src-main/station/bench/ports.ts';
import type { Spoil } from './cut-case.ts';

export const spoils: Readonly<Record<string, { readonly kind: string; readonly spoil: Spoil }>> = {
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
    kind: 'bench-link tpm',
    spoil: (journal) => ({ ...journal, pass: async () => ok() }),
  },
};

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
