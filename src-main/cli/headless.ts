/** The main job without a window: every virtual unit from its scan to its hub, then a summary. */
import { type Clock, sleep } from '../lib/base/clock.ts';
import { faultMaker } from '../lib/base/fault.ts';
import { type Result, failed, ok } from '../lib/base/result.ts';
import type { OutboxEntryView, SlotView, StationView, UnitView } from '../contract/views.ts';
import { commonStart, parkedFor, repeated, serialsOf } from './job-units.ts';
import type { StationClient } from './station-client.ts';

export interface HeadlessResult {
  readonly units: number;
  readonly passed: number;
  readonly failed: number;
  readonly enrolled: number;
  readonly registered: number;
  readonly seen: number;
  readonly parked: number;
  /** Rows that stand more than once in the service's own lists of enrollments and registrations. */
  readonly duplicates: number;
  readonly assigned: Readonly<Record<string, number>>;
  readonly registrations: readonly {
    readonly registrationId: string;
    readonly deviceId: string;
    readonly attestation: string;
    readonly hub: string;
  }[];
  readonly seconds: number;
  readonly tpm: 'swtpm' | 'software';
}

const headlessFault = faultMaker({
  'job-too-long': {
    say: 'The main job was not done after {seconds} seconds: {passed} of {units} passed, {seen} seen in their hubs.',
    hint: 'Read the lines the station printed above; a unit that hangs is named there.',
  },
  'service-not-up': {
    say: 'The provisioning service did not come up.',
    hint: 'Read the lines it printed above: another program may hold its port or its data folder.',
  },
  'units-lost': {
    say: 'The virtual bench has {found} of {units} units.',
    hint: 'Read the lines the agents printed above.',
  },
});

export interface HeadlessJob {
  readonly station: StationClient;
  readonly clock: Clock;
  readonly units: number;
  readonly tpm: 'swtpm' | 'software';
  /** One line for people, whenever something happened. */
  say(line: string): void;
}

// Set-up of 16 virtual units makes up to 32 RSA keys; afterwards a unit takes seconds. Twice the slowest run seen.
const startLimitMs = 180_000;
const baseLimitMs = 120_000;
const perUnitLimitMs = 15_000;
const lookEveryMs = 200;
// The service may be away for a moment: its program is started again after a fall, which takes some seconds.
const offlineLimitMs = 20_000;

export async function runHeadless(job: HeadlessJob): Promise<Result<HeadlessResult>> {
  const startedMs = job.clock.monotonicMs();
  job.say(`starting the service, its hubs and ${counted(job.units, 'virtual unit')}`);
  const up = await untilReady(job);
  if (!up.ok) return up;
  job.say(`${up.value.target.name} is online; ${counted(job.units, 'virtual unit')} plugged in`);
  const scanned = await job.station.call('bench.scanVirtual', {});
  if (!scanned.ok) return scanned;
  const limitMs = baseLimitMs + perUnitLimitMs * job.units;
  const done = await untilAllSeen(job, limitMs);
  if (!done.ok) return done;
  return summary(job, done.value, (job.clock.monotonicMs() - startedMs) / 1_000);
}

async function untilReady(job: HeadlessJob): Promise<Result<StationView>> {
  const untilMs = job.clock.monotonicMs() + startLimitMs;
  let plugged = 0;
  let wasOnline = false;
  let answeredMs = job.clock.monotonicMs();
  while (job.clock.monotonicMs() < untilMs) {
    const station = await job.station.call('station.get', {});
    if (!station.ok) return station;
    const bench = await job.station.call('bench.get', {});
    if (!bench.ok) return bench;
    // What did not come up stays so until the next start.
    if (station.value.fault !== undefined) return failed(station.value.fault);
    const { state, fault } = station.value.target;
    wasOnline = state === 'online' || state === 'draining';
    if (state !== 'offline') answeredMs = job.clock.monotonicMs();
    const isLost = job.clock.monotonicMs() - answeredMs > offlineLimitMs;
    if (isLost && fault !== undefined) return failed(fault);
    plugged = bench.value.slots.filter((slot) => slot.port.state === 'ready').length;
    if (wasOnline && plugged === job.units) return ok(station.value);
    await sleep(job.clock, lookEveryMs);
  }
  return failed(
    wasOnline ? headlessFault('units-lost', { found: plugged, units: job.units }) : headlessFault('service-not-up'),
  );
}

/** Done when no slot works any more and each passed unit is seen, or nothing more can come. */
async function untilAllSeen(job: HeadlessJob, limitMs: number): Promise<Result<readonly UnitView[]>> {
  const untilMs = job.clock.monotonicMs() + limitMs;
  const said = new Set<string>();
  for (;;) {
    const bench = await job.station.call('bench.get', {});
    if (!bench.ok) return bench;
    const units = await unitsOf(job, serialsOf(bench.value.slots));
    if (!units.ok) return units;
    for (const slot of bench.value.slots) sayVerdict(job, slot, said);
    for (const unit of units.value) sayLife(job, unit, said);
    const isWorking = bench.value.slots.some((slot) => slot.run?.state === 'working');
    const awaited = units.value.filter((unit) => ['passed', 'enrolled', 'registered'].includes(unit.state));
    if (!isWorking && (awaited.length === 0 || (await onlyParkedRemain(job, awaited)))) return ok(units.value);
    if (job.clock.monotonicMs() > untilMs) return failed(tooLong(job, units.value, limitMs));
    await sleep(job.clock, lookEveryMs);
  }
}

function tooLong(job: HeadlessJob, units: readonly UnitView[], limitMs: number) {
  const passed = units.filter(isPassed).length;
  const seen = units.filter((unit) => unit.state === 'seen').length;
  return headlessFault('job-too-long', { seconds: limitMs / 1_000, passed, units: job.units, seen });
}

async function unitsOf(job: HeadlessJob, serials: readonly string[]): Promise<Result<readonly UnitView[]>> {
  const found = await job.station.call('unit.list', { search: commonStart(serials), limit: 200 });
  return found.ok ? ok(found.value.items.filter(({ serialNumber }) => serials.includes(serialNumber))) : found;
}

async function onlyParkedRemain(job: HeadlessJob, awaited: readonly UnitView[]): Promise<boolean> {
  const parked = await parkedOf(job, awaited);
  return parked.ok && parked.value.every((entry) => entry !== undefined);
}

/** For each unit the parked entry that it waits for. */
async function parkedOf(
  job: HeadlessJob,
  units: readonly UnitView[],
): Promise<Result<readonly (OutboxEntryView | undefined)[]>> {
  const entries = await job.station.call('outbox.list', { state: 'parked', limit: 200 });
  if (!entries.ok) return entries;
  const batches = await job.station.call('batch.list', {});
  if (!batches.ok) return batches;
  return ok(units.map((unit) => parkedFor(unit, entries.value.items, batches.value.batches)));
}

function sayVerdict(job: HeadlessJob, slot: SlotView, said: Set<string>): void {
  const { run } = slot;
  if (run === undefined || run.state === 'working' || said.has(run.runId)) return;
  said.add(run.runId);
  const seconds = ((run.endedMs ?? run.startedMs) - run.startedMs) / 1_000;
  const why = run.fault === undefined ? '' : `: ${run.fault.say} ${run.fault.hint} (${run.fault.code})`;
  job.say(`slot ${slot.slot}  ${run.serialNumber}  ${run.state.toUpperCase()} in ${seconds.toFixed(1)} s${why}`);
}

function sayLife(job: HeadlessJob, unit: UnitView, said: Set<string>): void {
  if (unit.state !== 'seen' || said.has(unit.unitId)) return;
  said.add(unit.unitId);
  job.say(`${unit.serialNumber}  seen in hub ${unit.hub ?? ''} as ${unit.deviceId ?? ''}`);
}

function isPassed(unit: UnitView): boolean {
  return ['passed', 'enrolled', 'registered', 'seen'].includes(unit.state);
}

async function summary(job: HeadlessJob, units: readonly UnitView[], seconds: number): Promise<Result<HeadlessResult>> {
  const parked = await parkedOf(job, units);
  if (!parked.ok) return parked;
  const service = await job.station.call('service.get', {});
  if (!service.ok) return service;
  const count = (states: readonly UnitView['state'][]): number =>
    units.filter((unit) => states.includes(unit.state)).length;
  const registrations = units.flatMap(({ registrationId, deviceId, attestation, hub }) =>
    registrationId === undefined || deviceId === undefined || attestation === undefined || hub === undefined
      ? []
      : [{ registrationId, deviceId, attestation, hub }],
  );
  const assigned: Record<string, number> = {};
  for (const { hub } of registrations) assigned[hub] = (assigned[hub] ?? 0) + 1;
  return ok({
    units: job.units,
    passed: units.filter(isPassed).length,
    failed: count(['failed', 'interrupted']),
    enrolled: count(['enrolled', 'registered', 'seen']),
    registered: count(['registered', 'seen']),
    seen: count(['seen']),
    parked: new Set(parked.value.flatMap((entry) => (entry === undefined ? [] : [entry.entryId]))).size,
    duplicates: repeated(service.value),
    assigned,
    registrations,
    seconds: Math.round(seconds * 10) / 10,
    tpm: job.tpm,
  });
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** All of them passed, and all of them arrived. */
export function isComplete(result: HeadlessResult): boolean {
  const { units, passed, enrolled, registered, seen, parked, duplicates } = result;
  return [passed, enrolled, registered, seen].every((count) => count === units) && parked === 0 && duplicates === 0;
}
