/** From plug-in to verdict: the real station, agents on pseudo-terminals and the service, against the bare link and the chip. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { certificatesFromPem } from '../../src-main/lib/x509/pem.ts';
import { SlotView } from '../../src-main/contract/views.ts';
import type { StationClient } from '../../src-main/cli/station-client.ts';
import type { BatchTerms } from '../../src-main/station/batches/model.ts';
import type { DeviceSigner } from '../../src-main/station/bench/ports.ts';
import { openStationSigners } from '../../src-main/station/signers/station-signers.ts';
import { bareExchangeMs } from './bare-exchange.ts';
import {
  type ChipTimes,
  type RunningUnit,
  type Unit,
  type UnitKind,
  keyChip,
  newUnit,
  startUnit,
  unitKinds,
} from './bench-agent.ts';
import { type BenchStation, openStation, readySlots, until, untilReady } from './bench-station.ts';
import { type BenchContext, type Benchmark, type Figure, median, nowMs, ofSamples } from './runner.ts';

// 16 slots, four for each kind; five rounds make 20 runs, each with a unit and an agent that were never used.
const slotsPerKind = 4;
const barePerKind = 2;
const rounds = 5;
const workerEntry = new URL('../../src-main/station/signers/pkcs12-worker-main.ts', import.meta.url);
const verdictLimitMs = 60_000;

const terms = {
  name: 'Benchmark',
  product: 'Virtual unit',
  quantity: 1_000,
  attestation: 'mixed',
  enrollmentKind: 'group',
  keyAlgorithm: 'p256',
  deviceIdTemplate: '{registrationId}',
  serialPattern: 'BENCH-[0-9A-Z-]{1,30}',
  ekCertificatePolicy: 'prefer',
  deviceProfile: 'bench-link',
} as const satisfies BatchTerms;

export const mainJob: Benchmark = {
  name: 'main-job',
  about: 'a scan is sent to the station -> the verdict is told',
  processes:
    'station with its store worker, a port host for each of 16 slots, service, hubs, 24 agents, one unit at work at a time',
  durability: 'every step journalled, pass committed with synchronous=FULL before the verdict is told',
  run,
};

interface Samples {
  readonly verdict: Record<UnitKind, number[]>;
  readonly bare: Record<UnitKind, number[]>;
  readonly chips: Record<'swtpm-keyed' | 'software-keyed', ChipTimes[]>;
}

interface Lab {
  readonly station: BenchStation;
  readonly folder: string;
  readonly caFile: string;
  readonly trustedRoots: readonly Uint8Array[];
  readonly signer: DeviceSigner;
  readonly samples: Samples;
}

const none = (): Record<UnitKind, number[]> => ({
  'swtpm-blank': [],
  'swtpm-keyed': [],
  'software-keyed': [],
  x509: [],
});
const portOf = (folder: string, slot: number): string => join(folder, `slot${slot}`);

async function run({ folder, block, say }: BenchContext): Promise<readonly Figure[]> {
  const data = join(folder, 'data');
  const slots = Array.from({ length: unitKinds.length * slotsPerKind }, (_, at) => at + 1);
  const bound = slots.flatMap((slot) => ['--slot', `${slot}=serial:${portOf(folder, slot)}`]);
  const station = openStation(data, '--listen', `${block.base}.1`, '--virtual-units', '0', ...bound);
  try {
    await untilReady(station, 0);
    await openBatch(station.client);
    const { caFile } = JSON.parse(readFileSync(join(data, 'service/ready.json'), 'utf8')) as { caFile: string };
    const trustedRoots = certificatesFromPem(readFileSync(caFile, 'utf8'));
    const samples = { verdict: none(), bare: none(), chips: { 'swtpm-keyed': [], 'software-keyed': [] } };
    const lab = { station, folder, caFile, trustedRoots, signer: await bareSigner(folder), samples };
    for (let round = 1; round <= rounds; round += 1) {
      say(`round ${round} of ${rounds}`);
      await oneRound(lab, round);
    }
    return figures(samples);
  } finally {
    await station.client.stop();
  }
}

async function openBatch(client: StationClient): Promise<void> {
  const { signers } = must(await client.call('signer.list', {}));
  const [signer] = signers;
  const named = signer === undefined ? terms : { ...terms, signerId: signer.signerId };
  const { batchId } = must(await client.call('batch.open', { terms: named }));
  must(await client.call('batch.select', { batchId }));
}

async function bareSigner(folder: string): Promise<DeviceSigner> {
  const parts = { clock: systemClock, random: systemRandom, workerEntry };
  const signers = must(await openStationSigners(join(folder, 'bare-signers'), parts));
  const signer = signers.deviceSigner(terms);
  if (signer === undefined) throw new Error('the demonstration has no signer');
  return signer;
}

interface Plugged extends RunningUnit {
  /** Absent: this one is for the bare exchange. */
  readonly slot?: number;
}

async function oneRound(lab: Lab, round: number): Promise<void> {
  const plugged = await plugIn(lab, round);
  await until(
    '16 units in their slots',
    30_000,
    async () => (await readySlots(lab.station.client)) === inSlots(plugged),
  );
  // The agents have just started: what they still load must not run beside the first exchange.
  await sleep(systemClock, 500);
  for (const unit of plugged) {
    const { kind, slot, port, serialNumber } = unit;
    if (slot === undefined) {
      const { trustedRoots, signer } = lab;
      lab.samples.bare[kind].push(await bareExchangeMs({ port, kind, serialNumber, trustedRoots, signer }));
    } else {
      lab.samples.verdict[kind].push(await verdictMs(lab.station, slot, serialNumber));
    }
  }
  await Promise.all(plugged.map((unit) => unit.stop()));
  await until('16 empty slots', 30_000, async () => (await readySlots(lab.station.client)) === 0);
}

const inSlots = (units: readonly Plugged[]): number => units.filter((unit) => unit.slot !== undefined).length;

/** A unit that has not been switched on yet. */
interface Planned {
  readonly unit: Unit;
  readonly slot?: number;
}

/** Kinds take turns, so that a machine that slows down slows all of them. */
function planned(folder: string, round: number): readonly Planned[] {
  const turns = Array.from({ length: slotsPerKind + barePerKind }, (_, at) => at);
  return turns.flatMap((turn) =>
    unitKinds.map((kind, at): Planned => {
      const serialNumber = `BENCH-${round}-${turn}-${kind.toUpperCase()}`;
      const unit = newUnit(join(folder, 'units'), kind, serialNumber);
      return turn < slotsPerKind ? { unit, slot: turn * unitKinds.length + at + 1 } : { unit };
    }),
  );
}

async function plugIn({ folder, caFile, samples }: Lab, round: number): Promise<readonly Plugged[]> {
  const plan = planned(folder, round);
  // Before any agent starts: the chip alone is measured alone.
  for (const { unit } of plan) {
    const { kind } = unit;
    if (kind === 'swtpm-keyed' || kind === 'software-keyed') samples.chips[kind].push(await keyChip(unit));
  }
  const starting = plan.map(async ({ unit, slot }): Promise<Plugged> => {
    const port = slot === undefined ? join(unit.state, 'tty') : portOf(folder, slot);
    const running = await startUnit(unit, { port, caFile });
    return slot === undefined ? running : { ...running, slot };
  });
  return interleaved(await Promise.all(starting));
}

/** After every second unit of the slots, one for the bare exchange. */
function interleaved(units: readonly Plugged[]): readonly Plugged[] {
  const bare = units.filter((unit) => unit.slot === undefined);
  const slotted = units.filter((unit) => unit.slot !== undefined);
  return slotted.flatMap((unit, at) => {
    const beside = at % 2 === 1 ? bare[(at - 1) / 2] : undefined;
    return beside === undefined ? [unit] : [unit, beside];
  });
}

async function verdictMs({ client, lastLines }: BenchStation, slot: number, serialNumber: string): Promise<number> {
  const verdict = new Promise<{ readonly atMs: number; readonly state: string; readonly why: string }>((resolve) => {
    client.onEvent((event) => {
      if (event.name !== 'slot.changed') return;
      const { run } = SlotView.parse(event.payload);
      if (run?.serialNumber !== serialNumber || run.state === 'working') return;
      resolve({ atMs: nowMs(), state: run.state, why: run.fault?.say ?? '' });
    });
  });
  const startMs = nowMs();
  must(await client.call('bench.scan', { text: serialNumber, slot }));
  const limit = sleep(systemClock, verdictLimitMs).then(() => undefined);
  const told = await Promise.race([verdict, limit]);
  if (told?.state !== 'pass')
    throw new Error(`${serialNumber} did not pass: ${told?.why ?? 'no verdict'}\n${lastLines()}`);
  return told.atMs - startMs;
}

function figures({ verdict, bare, chips }: Samples): readonly Figure[] {
  const chipMs = {
    'swtpm-blank': chips['swtpm-keyed'].map((times) => times.blankMs),
    'swtpm-keyed': chips['swtpm-keyed'].map((times) => times.keyedMs),
    'software-keyed': chips['software-keyed'].map((times) => times.keyedMs),
  };
  return unitKinds.flatMap((kind): Figure[] => {
    const bareMs = median(bare[kind]);
    const overheadMs = median(verdict[kind]) - bareMs;
    const overLink = { reference: { name: 'the bare exchange', value: bareMs } };
    // Chips that make their keys differ by more than the station could add: a difference would tell nothing.
    const added = kind === 'swtpm-blank' ? {} : { note: `the station adds ${overheadMs.toFixed(0)} ms` };
    const rows = [
      ofSamples(`${kind}: verdict`, verdict[kind], { ...overLink, ...added }),
      ofSamples(`${kind}: bare exchange`, bare[kind]),
    ];
    if (kind === 'x509') return rows;
    const chip = { name: 'the chip alone', value: median(chipMs[kind]) };
    const byChip = { name: `${kind}: verdict`, unit: 'ms', value: median(verdict[kind]), reference: chip } as const;
    return [...rows, byChip, ofSamples(`${kind}: the chip alone`, chipMs[kind])];
  });
}
