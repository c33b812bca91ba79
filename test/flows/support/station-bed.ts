/** The station program with real agents on pseudo-terminals; it can be killed at any moment and started again on its data. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../../src-main/lib/base/host.ts';
import { silentLog } from '../../../src-main/lib/base/log.ts';
import { must } from '../../../src-main/lib/base/result.ts';
import {
  type RunningProgram,
  awaitReadyFile,
  clearReadyFile,
  startProgram,
} from '../../../src-main/lib/process/program.ts';
import type { Phase, SlotView, UnitView } from '../../../src-main/contract/views.ts';
import { SlotView as SlotShape } from '../../../src-main/contract/views.ts';
import { type StationClient, startStation } from '../../../src-main/cli/station-client.ts';

const source = join(import.meta.dirname, '../../../src-main');
const agentLimitMs = 60_000;

export interface StationTarget {
  readonly connectionString: string;
  readonly idScope: string;
  readonly endpoint: string;
  readonly caFile: string;
}

export interface AgentPlace {
  readonly slot: number;
  readonly serialNumber: string;
  readonly attestation: 'tpm' | 'x509';
}

export interface StationBed {
  readonly database: string;
  station(): StationClient;
  /** Starts the station on the data folder; it must not be running. */
  start(): Promise<void>;
  /** Cuts the unit's power as soon as its slot is told to be in this phase; resolves when the unit is gone. */
  cutPowerIn(slot: number, phase: Phase): Promise<void>;
  /** The unit gets its power back. */
  restorePower(slot: number): Promise<void>;
  /** SIGKILL as soon as the slot is told to be in this phase; resolves when the process is gone. */
  killIn(slot: number, phase: Phase): Promise<void>;
  kill(): Promise<void>;
  unit(serialNumber: string): Promise<UnitView | undefined>;
  slot(slot: number): Promise<SlotView>;
  /** The last lines of the station's log. */
  printed(): string;
  close(): Promise<void>;
}

export async function openStationBed(
  folder: string,
  target: StationTarget,
  agents: readonly AgentPlace[],
): Promise<StationBed> {
  const units = new Map<number, RunningProgram>();
  await Promise.all(agents.map(async (agent) => units.set(agent.slot, await startAgent(folder, agent))));
  const data = join(folder, 'station');
  const slots = agents.flatMap(({ slot }) => ['--slot', `${slot}=serial:${portOf(folder, slot)}`]);
  const { connectionString, idScope, endpoint, caFile } = target;
  const secret = join(folder, 'service.txt');
  await writeFile(secret, `${connectionString}\n`, { mode: 0o600 });
  const service = ['--connection-string-file', secret, '--id-scope', idScope, '--endpoint', endpoint];
  const lines: string[] = [];
  let station: StationClient | undefined;
  const now = (): StationClient => {
    if (station === undefined) throw new Error('the station was not started');
    return station;
  };
  const kill = async (): Promise<void> => {
    const { pid, ended } = now();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    await ended;
  };
  return {
    database: join(data, 'station.db'),
    station: now,
    start: async () => {
      const args = [join(source, 'station/main.ts'), '--data', data, ...slots, ...service, '--ca', caFile];
      station = startStation({
        command: process.execPath,
        args,
        onLine: (line) => {
          lines.push(line);
          if (lines.length > 40) lines.shift();
        },
      });
      must(await station.call('station.get', {}));
    },
    cutPowerIn: (slot, phase) => {
      const unit = units.get(slot);
      onPhase(now(), { slot, phase }, unit?.pid);
      return unit?.ended.then(() => undefined) ?? Promise.resolve();
    },
    restorePower: async (slot) => {
      const agent = agents.find((one) => one.slot === slot);
      if (agent !== undefined) units.set(slot, await startAgent(folder, agent));
    },
    killIn: (slot, phase) => {
      const running = now();
      onPhase(running, { slot, phase }, running.pid);
      return running.ended.then(() => undefined);
    },
    kill,
    unit: async (serialNumber) => {
      const found = must(await now().call('unit.list', { search: serialNumber, limit: 5 }));
      return found.items.find((unit) => unit.serialNumber === serialNumber);
    },
    slot: async (slot) => {
      const bench = must(await now().call('bench.get', {}));
      return bench.slots.find((view) => view.slot === slot)!;
    },
    printed: () => lines.join('\n'),
    close: async () => {
      await station?.stop();
      await Promise.all([...units.values()].map((unit) => unit.stop()));
    },
  };
}

/** SIGKILL for this process once the slot is told to be in the phase. */
function onPhase(
  station: StationClient,
  { slot, phase }: { readonly slot: number; readonly phase: Phase },
  pid: number | undefined,
): void {
  let isDone = false;
  station.onEvent((event) => {
    const view = event.name === 'slot.changed' ? SlotShape.safeParse(event.payload).data : undefined;
    const doing = view?.run?.phases.find(({ state }) => state === 'doing')?.phase;
    if (isDone || view?.slot !== slot || doing !== phase || pid === undefined) return;
    isDone = true;
    process.kill(pid, 'SIGKILL');
  });
}

function portOf(folder: string, slot: number): string {
  return join(folder, `slot-${slot}`);
}

async function startAgent(folder: string, agent: AgentPlace): Promise<RunningProgram> {
  const { slot, serialNumber, attestation } = agent;
  const state = join(folder, serialNumber);
  await mkdir(state, { recursive: true });
  const file = join(folder, `${serialNumber}.json`);
  await clearReadyFile(file);
  const words = ['--port', `pty:${portOf(folder, slot)}`, '--state', state, '--serial-number', serialNumber];
  const kind = ['--attestation', attestation, '--tpm', 'software', '--ready-file', file];
  const args = [join(source, 'agent/main.ts'), ...words, ...kind];
  const parts = { clock: systemClock, random: systemRandom, log: silentLog };
  const program = startProgram({ program: `agent ${slot}`, command: process.execPath, args }, parts);
  const wait = { program: `agent ${slot}`, file, limitMs: agentLimitMs, clock: systemClock, ended: program.ended };
  must(await awaitReadyFile({ ...wait, parse: () => true }));
  return program;
}

/** Looks again until it is so; what is not so in time is a hang. */
export async function eventually<T>(
  look: () => Promise<T | undefined>,
  what: () => string,
  limitMs = 40_000,
  clock: Clock = systemClock,
): Promise<T> {
  const untilMs = clock.monotonicMs() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (clock.monotonicMs() > untilMs) throw new Error(`hung: not within ${limitMs / 1_000} s: ${what()}`);
    await sleep(clock, 40);
  }
}
