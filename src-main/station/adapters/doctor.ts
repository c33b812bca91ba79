/** The adapter doctor: speaks with a slot's unit over its line, and names what is wrong with it. */
import { access, constants, readFile, writeFile } from 'node:fs/promises';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { ByteStream } from '../../lib/base/stream.ts';
import type { PortProfile } from '../../lib/serial/index.ts';
import type { DoctorView } from '../../contract/views.ts';
import type { Bench } from '../bench/bench.ts';
import type { Bindings } from './bindings.ts';
import {
  type Finding,
  type Timer,
  findingFault,
  lineFindings,
  parseRemedy,
  remedies,
  remedyChange,
  resetFinding,
  restarted,
  roundTripsOf,
  timerFinding,
} from './diagnosis.ts';
import { adapterFault } from './faults.ts';
import { type LineTrial, type ProbeLimits, probeLine } from './line-probe.ts';
import { profileOf } from './profiles.ts';
import type { SlotDesk } from './slot-desk.ts';
import { type SlotLine, type SlotLineParts, slotLine } from './slot-line.ts';

export interface DoctorParts {
  readonly bindings: Bindings;
  readonly bench: Pick<Bench, 'occupy'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lines: SlotLineParts;
  /** Opens the slot's line as its profile says, with some of it changed. */
  openLine(slot: number, change: Partial<PortProfile>, signal: CancelSignal): Promise<Result<ByteStream>>;
}

/** Boards boot for up to ten seconds before they listen; twelve echoes show a timer's beat. */
const firstLook: ProbeLimits = { answerMs: 12_000, echoes: 12 };
/** A unit that runs answers the first echo; one that was just reset by the opening has five seconds. */
const otherLook: ProbeLimits = { answerMs: 5_000, echoes: 0 };
const linesHeld = { dtr: false, rts: false, hangUpOnClose: false } as const;

export function createDoctor(parts: DoctorParts): Pick<SlotDesk, 'check' | 'remedy'> {
  const check = async (slot: number): Promise<Result<DoctorView>> => {
    let view: Result<DoctorView> = failed(adapterFault('port-unbound', { slot }));
    const done = await parts.bench.occupy(slot, async (signal) => {
      view = await examine({ ...parts, signal }, slot);
      // What was heard until then is half a look: it would name what is not so.
      if (signal.aborted) view = failed(adapterFault('check-stopped', { slot }));
      return ok();
    });
    return done.ok ? view : done;
  };
  return Object.freeze({
    check,
    remedy: async (slot, text, by) => {
      const remedy = parseRemedy(text);
      if (remedy === undefined) return failed(adapterFault('remedy-unknown', { remedy: text.slice(0, 40) }));
      if (remedy.at === 'short-waits') await shortenTimer(parts, slot);
      const adjusted = await parts.bindings.adjust(slot, remedyChange(remedy), by);
      // The proof of a remedy is the next look.
      return adjusted.ok ? check(slot) : adjusted;
    },
  } satisfies Pick<SlotDesk, 'check' | 'remedy'>);
}

/** One examination, which ends early when its signal says so. */
interface Examination extends DoctorParts {
  readonly signal: CancelSignal;
}

async function examine(parts: Examination, slot: number): Promise<Result<DoctorView>> {
  const line = await slotLine(parts.lines, slot, undefined);
  if (!line.ok) return line;
  const first = await look(parts, slot, {}, firstLook);
  if (!first.ok) return first;
  const trial = first.value;
  const findings =
    trial.answeredMs === undefined
      ? await silenceFindings(parts, slot, line.value, trial)
      : await answerFindings(parts, slot, line.value, trial);
  const roundTrips = roundTripsOf(trial);
  parts.log.info('adapter-checked', { slot, findings: findings.map(({ fault }) => fault.code).join(' ') });
  return ok({ slot, findings: findings.map(shown), ...(roundTrips === undefined ? {} : { roundTrips }) });
}

function shown({ fault: { code, say, hint }, remedy }: Finding): DoctorView['findings'][number] {
  return { code, say, hint, ...(remedy === undefined ? {} : { remedy }) };
}

async function look(
  parts: Examination,
  slot: number,
  change: Partial<PortProfile>,
  limits: ProbeLimits,
): Promise<Result<LineTrial>> {
  if (parts.signal.aborted) return failed(adapterFault('check-stopped', { slot }));
  const opened = await unlessStopped(parts.openLine(slot, change, parts.signal), parts.signal, slot);
  if (!opened.ok) return opened;
  const trial = await probeLine(opened.value, parts.clock, limits, parts.signal);
  await opened.value.close();
  return ok(trial);
}

/** A port that hangs while it is opened must not hold up a stop; one that opens after it is closed at once. */
async function unlessStopped(
  opening: Promise<Result<ByteStream>>,
  signal: CancelSignal,
  slot: number,
): Promise<Result<ByteStream>> {
  let stop = (): void => undefined;
  const stopped = new Promise<'stopped'>((resolve) => {
    stop = () => {
      resolve('stopped');
    };
  });
  signal.addEventListener('abort', stop);
  const first = await Promise.race([opening, stopped]);
  signal.removeEventListener('abort', stop);
  if (first !== 'stopped') return first;
  void opening.then(async (late) => {
    if (late.ok) await late.value.close();
  });
  return failed(adapterFault('check-stopped', { slot }));
}

async function answerFindings(
  parts: Examination,
  slot: number,
  line: SlotLine,
  trial: LineTrial,
): Promise<readonly Finding[]> {
  const timer = line.kind === 'serial' ? timerFinding(trial, await timerOf(line)) : undefined;
  const reset = line.kind === 'serial' && restarted(trial) ? [await resetOf(parts, slot, line, trial)] : [];
  return [...lineFindings(trial), ...(timer === undefined ? [] : [timer]), ...reset];
}

type SerialLine = Extract<SlotLine, { kind: 'serial' }>;

async function resetOf(parts: Examination, slot: number, { profile }: SerialLine, trial: LineTrial): Promise<Finding> {
  const isHeld = profile.dtr === false && profile.rts === false && profile.hangUpOnClose === false;
  if (isHeld) return resetFinding(trial, undefined);
  // The first opening with the lines held may still be the edge that resets; the one after it is the proof.
  const settling = await look(parts, slot, linesHeld, firstLook);
  const held = settling.ok ? await look(parts, slot, linesHeld, firstLook) : settling;
  return resetFinding(trial, held.ok ? held.value : undefined);
}

/** Where nothing answers, another speed may; a unit that hears garbage says nothing, so silence is no proof against it. */
async function silenceFindings(
  parts: Examination,
  slot: number,
  line: SlotLine,
  trial: LineTrial,
): Promise<readonly Finding[]> {
  const echoes = lineFindings(trial);
  if (line.kind !== 'serial' || echoes.length > 0) {
    return echoes.length > 0 ? echoes : [{ fault: findingFault('unit-silent') }];
  }
  const { baudRate: opened = 0 } = line.profile;
  const { baudRate, otherBaudRates } = profileOf(line.adapter);
  const rates = otherBaudRates.length === 0 ? [] : [baudRate, ...otherBaudRates].filter((rate) => rate !== opened);
  for (const found of rates) {
    if (parts.signal.aborted) break;
    const other = await look(parts, slot, { baudRate: found }, otherLook);
    if (other.ok && other.value.answeredMs !== undefined) {
      return [{ fault: findingFault('baud-wrong', { found, opened }), remedy: `${remedies.baud}${String(found)}` }];
    }
  }
  const isNoise = trial.garbage > trial.chatter;
  const tried = [opened, ...rates].join(', ');
  return [{ fault: isNoise ? findingFault('baud-unknown', { tried }) : findingFault('unit-silent') }];
}

async function timerOf({ adapter, profile }: SerialLine): Promise<Timer> {
  const file = adapter?.latencyTimerFile;
  const text = file === undefined ? undefined : await readFile(file, 'utf8').catch(() => undefined);
  const timerMs = text === undefined || !/^\d+\s*$/.test(text) ? undefined : Number(text);
  // The driver was asked for short waits at the opening already: only the file itself is left.
  const wasAsked = profile.lowLatency === true;
  return { timerMs, isLocked: wasAsked && file !== undefined && !(await isWritable(file)) };
}

async function shortenTimer(parts: DoctorParts, slot: number): Promise<void> {
  const line = await slotLine(parts.lines, slot, undefined);
  const file = line.ok && line.value.kind === 'serial' ? line.value.adapter?.latencyTimerFile : undefined;
  if (file === undefined) return;
  // Where this user may not, the driver is asked at each opening instead; the next look tells whether it did.
  await writeFile(file, '1').catch(() => undefined);
}

async function isWritable(file: string): Promise<boolean> {
  return access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
}
