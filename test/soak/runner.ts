/** What the soak runs share: how one is described, what it is given, and what it gives back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src-main/lib/base/host.ts';
import type { LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';

export interface SoakContext {
  /** All that is random is drawn from it: the same seed is the same run. */
  readonly seed: number;
  /** Multiplies how much is done; 1 is what the run is made for. */
  readonly scale: number;
  /** Of a run with numbered places (bytecut): the first one that is tried, from 1, and how many of each kind. */
  readonly from: number;
  readonly cuts: number;
  /** Fresh; removed at the end. */
  readonly folder: string;
  /** Addresses for the programs of this run: it claims no others. */
  readonly block: LoopbackBlock;
  /** Progress, for people. */
  readonly say: (line: string) => void;
}

export interface SoakCount {
  readonly name: string;
  /** How many were tried. */
  readonly count: number;
  readonly note?: string;
}

/** One long run; it throws when something did not hold, and says with which input. */
export interface Soak {
  readonly name: string;
  readonly about: string;
  run(context: SoakContext): Promise<readonly SoakCount[]>;
}

export interface SoakOutcome {
  readonly name: string;
  readonly about: string;
  readonly seconds: number;
  readonly counts: readonly SoakCount[];
  /** Why it did not hold. */
  readonly broke?: string;
}

export type SoakTerms = Omit<SoakContext, 'folder'>;

export async function runSoak(soak: Soak, terms: SoakTerms): Promise<SoakOutcome> {
  const { name, about } = soak;
  const folder = mkdtempSync(join(tmpdir(), `benchline-soak-${name}-`));
  const startMs = systemClock.monotonicMs();
  const ended = (counts: readonly SoakCount[]): SoakOutcome => ({
    ...{ name, about, counts },
    seconds: Math.round((systemClock.monotonicMs() - startMs) / 100) / 10,
  });
  try {
    return ended(await soak.run({ ...terms, folder }));
  } catch (error) {
    return { ...ended([]), broke: told(error) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** fast-check tells the input in its own message, and what did not hold as its cause. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\n  because of ${told(error.cause)}`;
}

export function table(outcome: SoakOutcome): string {
  const head = ['', `${outcome.name}: ${outcome.about}`];
  if (outcome.broke !== undefined) return [...head, `  BROKE: ${outcome.broke}`, `  (${outcome.seconds} s)`].join('\n');
  const width = Math.max(...outcome.counts.map((one) => one.name.length), 0);
  const rows = outcome.counts.map(({ name, count, note }) =>
    `  ${name.padEnd(width)}  ${String(count).padStart(9)}  ${note ?? ''}`.trimEnd(),
  );
  return [...head, ...rows, `  held (${outcome.seconds} s)`].join('\n');
}
