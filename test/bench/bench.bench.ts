/** The bench as a line uses it: sixteen slots at 115,200 baud against what the wire and the chip need, and a whole shift. */
import { type BenchLab, openBenchLab, type Stalls } from './bench-lab.ts';
import { type BenchContext, type Benchmark, type Figure, median, nowMs, ofSamples } from './runner.ts';
import { sqliteRows } from '../flows/support/witness-sqlite.ts';

const baudRate = 115_200;
/** 8N1: a start bit, eight bits, a stop bit. */
const bitsPerByte = 10;

/** `BENCH_UNITS=2`: as many slots, and a shift of as many units for each: to see that it runs. */
const slots = Math.min(16, Number(process.env['BENCH_UNITS'] ?? 16));
/** `BENCH_SHIFT=1000`: a shorter shift. */
const shiftUnits = Number(process.env['BENCH_SHIFT'] ?? (slots < 16 ? slots * 2 : 10_000));

export const bench: Benchmark = {
  name: 'bench',
  about: `${slots} slots at ${baudRate} baud against the wire and the chip, and a shift of ${shiftUnits} units through them`,
  processes:
    'station with its store worker, a port host for each paced slot, service, hubs; the lines (test/serial-proxy) and all units in two processes more',
  durability: 'every step journalled, pass committed with synchronous=FULL before the verdict is told',
  run,
};

type Kind = 'tpm' | 'x509';
const kinds: readonly Kind[] = ['tpm', 'x509'];

async function run(context: BenchContext): Promise<readonly Figure[]> {
  return [...(await pacedFigures(context)), ...(await shiftFigures(context))];
}

interface Run {
  readonly ms: number;
  /** What the bytes need on the wire and the unit for itself. */
  readonly boundMs: number;
  readonly bytes: number;
  readonly packets: number;
}

async function pacedFigures(context: BenchContext): Promise<readonly Figure[]> {
  const lab = await openBenchLab(context, 'paced', { slots, baudRate, tpms: slots * 2, quantity: 1_000 });
  try {
    const figures: Figure[] = [];
    for (const kind of kinds) {
      context.say(`${kind}: ${slots} units, one at a time`);
      const alone: Run[] = [];
      for (let slot = 1; slot <= slots; slot += 1) alone.push(await oneRun(lab, slot, kind, 'ONE'));
      context.say(`${kind}: ${slots} units at once`);
      await lab.stalls();
      const all = Array.from({ length: slots }, (_, at) => oneRun(lab, at + 1, kind, 'ALL'));
      const together = await Promise.all(all);
      figures.push(...figuresOf(kind, alone, together), stallFigure(`${kind}, ${slots} at once`, await lab.stalls()));
    }
    return figures;
  } finally {
    await lab.close();
  }
}

async function oneRun(lab: BenchLab, slot: number, kind: Kind, round: string): Promise<Run> {
  const serialNumber = `BENCH-${round}-${kind.toUpperCase()}-${slot}`;
  await lab.insert(slot, serialNumber, kind);
  const { state, code, ms } = await lab.run(slot, serialNumber);
  if (state !== 'pass') throw new Error(`${serialNumber}: ${state} ${code}\n${lab.station.lastLines()}`);
  const { bytesIn, bytesOut, chipMs, packets } = await lab.counts(slot);
  const bytes = bytesIn + bytesOut;
  return { ms, bytes, packets, boundMs: (bytes * bitsPerByte * 1_000) / baudRate + chipMs };
}

function figuresOf(kind: Kind, alone: readonly Run[], together: readonly Run[]): readonly Figure[] {
  const of = (runs: readonly Run[], name: keyof Run): readonly number[] => runs.map((one) => one[name]);
  const boundMs = median(of(alone, 'boundMs'));
  const overheadMs = median(alone.map((one) => one.ms - one.boundMs));
  const allowedMs = boundMs * 0.1 + 50;
  const [bytes, packets] = [median(of(alone, 'bytes')), median(of(alone, 'packets'))];
  const note = `${overheadMs.toFixed(0)} ms above it, ${allowedMs.toFixed(0)} allowed; ${bytes} bytes in ${packets} answers`;
  const onWire = { name: `${bytes} bytes on the wire and the chip`, value: boundMs };
  const aloneMs = median(of(alone, 'ms'));
  return [
    ofSamples(`${kind}: verdict, one at a time`, of(alone, 'ms'), { reference: onWire, note }),
    ofSamples(`${kind}: verdict, ${slots} at once`, of(together, 'ms'), {
      reference: { name: 'one at a time', value: aloneMs },
      note: 'at most 1.10 wanted',
    }),
  ];
}

function stallFigure(when: string, { longestMs, p999Ms, busiestMs }: Stalls): Figure {
  return {
    name: `longest stall of the station, ${when}`,
    unit: 'ms',
    value: longestMs,
    reference: { name: 'what is allowed', value: 50 },
    note: `99.9th percentile ${p999Ms.toFixed(1)} ms; at most ${busiestMs.toFixed(1)} ms of it its own processor time`,
  };
}

function worstOf(parts: readonly Stalls[]): Stalls {
  return parts.reduce((worst, part) => (part.longestMs > worst.longestMs ? part : worst));
}

/** Memory that the engine has not given back yet is not in these. */
function heapFigures(halves: readonly Stalls[]): readonly Figure[] {
  const [middle, end] = [halves.at(0), halves.at(-1)];
  if (middle === undefined || end === undefined) return [];
  const figure = (name: string, at: 'heapMb' | 'workerHeapMb'): Figure => ({
    name: `heap in use after a collection, ${name}`,
    unit: 'MB',
    value: end[at],
    reference: { name: 'in the middle of the shift', value: middle[at] },
  });
  return [figure('station', 'heapMb'), figure('its store worker', 'workerHeapMb')];
}

async function shiftFigures(context: BenchContext): Promise<readonly Figure[]> {
  const lab = await openBenchLab(context, 'shift', { slots, tpms: shiftUnits, quantity: shiftUnits });
  try {
    context.say(`a shift of ${shiftUnits} units`);
    await lab.stalls();
    const memory = [lab.memoryMb()];
    let middle: Promise<Stalls> | undefined;
    let told = 0;
    let next = 0;
    const wrong: string[] = [];
    const startMs = nowMs();
    const work = async (slot: number): Promise<void> => {
      while (next < shiftUnits) {
        next += 1;
        const serialNumber = `BENCH-SHIFT-${next}`;
        await lab.insert(slot, serialNumber, 'tpm');
        const { state, code } = await lab.run(slot, serialNumber);
        if (state === 'pass') told += 1;
        else wrong.push(`${serialNumber}: ${state} ${code}`);
        if (told >= shiftUnits / 2 && middle === undefined) {
          memory.push(lab.memoryMb());
          middle = lab.stalls();
        }
        if (told % 1_000 === 0) context.say(`${told} units, ${lab.memoryMb().toFixed(0)} MB`);
      }
    };
    await Promise.all(Array.from({ length: slots }, (_, at) => work(at + 1)));
    const minutes = (nowMs() - startMs) / 60_000;
    memory.push(lab.memoryMb());
    const halves = [await middle, await lab.stalls()].filter((half) => half !== undefined);
    const stored = sqliteRows(
      lab.database,
      `SELECT count(*) AS n, count(DISTINCT unit) AS u FROM runs WHERE verdict = 'pass'`,
    )[0];
    if (wrong.length > 0 || stored?.['n'] !== told || stored['u'] !== told) {
      throw new Error(`lost: ${told} told, ${JSON.stringify(stored)} stored; ${wrong.slice(0, 5).join('; ')}`);
    }
    const [begin = 0, half = 0, end = 0] = memory;
    return [
      {
        name: `a shift of ${shiftUnits} units through ${slots} slots`,
        unit: '1/min',
        value: told / minutes,
        note: `${told} verdicts told, ${String(stored['n'])} passes stored, 0 lost; every unit its own endorsement key, from prepared primes`,
      },
      {
        name: 'memory of the station after the shift',
        unit: 'MB',
        value: end,
        reference: { name: 'in the middle of it', value: half },
        note: `${begin.toFixed(0)} MB before it`,
      },
      ...heapFigures(halves),
      stallFigure('in the shift', worstOf(halves)),
    ];
  } finally {
    await lab.close();
  }
}
