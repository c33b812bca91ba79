/** What the benchmarks share: a clock, medians, figures against their reference, and how they are shown. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src-main/lib/base/host.ts';
import type { LoopbackBlock } from '../../src-main/lib/listen/loopback.ts';

export interface Reference {
  readonly name: string;
  readonly value: number;
}

/** One measured number. `reference` was measured in the same run, and the ratio is of the two. */
export interface Figure {
  readonly name: string;
  readonly unit: 'ms' | 'MB' | '1/s' | '1/min';
  /** The median where there are several runs. */
  readonly value: number;
  readonly p95?: number;
  readonly runs?: number;
  readonly reference?: Reference;
  readonly note?: string;
}

export interface BenchContext {
  /** Fresh, on the file system that is measured; removed at the end. */
  readonly folder: string;
  /** Addresses for the service and the hubs of this benchmark: it claims no others. */
  readonly block: LoopbackBlock;
  /** Progress, for people. */
  readonly say: (line: string) => void;
}

export interface Benchmark {
  readonly name: string;
  readonly about: string;
  /** Which processes run while it is measured. */
  readonly processes: string;
  /** What is on disk when a counted thing is done. */
  readonly durability: string;
  readonly run: (context: BenchContext) => Promise<readonly Figure[]>;
}

export interface Outcome {
  readonly name: string;
  readonly about: string;
  readonly processes: string;
  readonly durability: string;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** Why there are no figures. */
  readonly notMeasured?: string;
}

export const nowMs = (): number => systemClock.monotonicMs();

export async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const startMs = nowMs();
  const value = await work();
  return { ms: nowMs() - startMs, value };
}

/** Nearest rank: the smallest sample that at least this share of all does not exceed. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = Math.max(0, Math.ceil(share * sorted.length) - 1);
  const found = sorted[at];
  if (found === undefined) throw new Error('no samples');
  return found;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export function ofSamples(name: string, samples: readonly number[], more: Partial<Figure> = {}): Figure {
  return { name, unit: 'ms', value: median(samples), p95: quantile(samples, 0.95), runs: samples.length, ...more };
}

export async function measure(benchmark: Benchmark, block: LoopbackBlock, say: BenchContext['say']): Promise<Outcome> {
  const { name, about, processes, durability } = benchmark;
  const folder = mkdtempSync(join(tmpdir(), `benchline-bench-${name}-`));
  const startMs = nowMs();
  const ended = (figures: readonly Figure[]): Outcome => ({
    ...{ name, about, processes, durability, figures },
    seconds: Math.round((nowMs() - startMs) / 100) / 10,
  });
  try {
    return ended(await benchmark.run({ folder, block, say }));
  } catch (error) {
    return { ...ended([]), notMeasured: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The machine and the versions: without them a number says nothing. */
export function groundFacts(): Readonly<Record<string, string>> {
  const load = loadavg()[0] ?? 0;
  return {
    machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, ${megabytes(totalmem())} MB`,
    system: `${type()} ${release()} ${arch()}`,
    'file system': `${asked('stat', '-f', '-c', '%T', tmpdir())} (${tmpdir()})`,
    'load before': `${load.toFixed(2)}${load > 0.5 ? ' (NOT QUIET: others were at work, the times are too long)' : ''}`,
    node: process.version,
    openssl: process.versions.openssl,
    swtpm: asked('swtpm', '--version').split('\n')[0] ?? '',
    commit: asked('git', '-C', import.meta.dirname, 'rev-parse', '--short', 'HEAD'),
  };
}

function asked(command: string, ...args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'not there';
  }
}

const megabytes = (bytes: number): number => Math.round(bytes / 1_048_576);

export function table(outcome: Outcome): string {
  const head = [
    '',
    `${outcome.name}: ${outcome.about}`,
    `  processes: ${outcome.processes}`,
    `  durability: ${outcome.durability}`,
  ];
  if (outcome.notMeasured !== undefined) return [...head, `  NOT MEASURED: ${outcome.notMeasured}`].join('\n');
  const rows = [['', 'median', 'p95', 'runs', 'ratio', 'to'], ...outcome.figures.map(cells)];
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((cell, at) => (at === 0 || at === 5 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))),
  );
  return [...head, ...lines.map((line) => `  ${line.join('  ')}`.trimEnd()), `  (${outcome.seconds} s)`].join('\n');
}

function cells(figure: Figure): string[] {
  const { reference, unit, value, p95, runs, note } = figure;
  const against = reference === undefined ? '' : `${reference.name} (${shown(reference.value)} ${unit})`;
  const more = note === undefined ? '' : `${reference === undefined ? '' : '; '}${note}`;
  return [
    figure.name,
    `${shown(value)} ${unit}`,
    p95 === undefined ? '' : shown(p95),
    runs === undefined ? '' : String(runs),
    reference === undefined ? '' : `${ratioOf(figure)?.toFixed(2) ?? ''}x`,
    `${against}${more}`,
  ];
}

export function ratioOf({ value, reference }: Figure): number | undefined {
  return reference === undefined || reference.value === 0 ? undefined : value / reference.value;
}

function shown(value: number): string {
  if (Number.isNaN(value)) return '-';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1);
}
