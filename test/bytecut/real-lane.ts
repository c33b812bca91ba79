/** One lane of the byte-cut proof between real programs: a station of its own with one slot, and one unit after another. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from '../../src-main/lib/base/result.ts';
import { SlotView } from '../../src-main/contract/views.ts';
import { type StationClient, startStation } from '../../src-main/cli/station-client.ts';
import { labTerms } from '../flows/support/bench-lab.ts';
import { eventually } from '../flows/support/station-bed.ts';
import type { Direction } from './cut-line.ts';
import { checkRealState } from './real-check.ts';
import { openRealLine } from './real-line.ts';
import type { RealKind, RealUnit } from './real-units.ts';

/** SIGKILL of the station, SIGKILL of the unit's agent, or the cable. */
export const realEnds = ['station', 'unit', 'line'] as const;
export type RealEnd = (typeof realEnds)[number];

export interface RealCut {
  readonly direction: Direction;
  /** The first is 1. */
  readonly byte: number;
  readonly end: RealEnd;
}

export interface RealTrace {
  readonly isStruck: boolean;
  readonly bytes: Readonly<Record<Direction, number>>;
}

export interface RealLane {
  /** One unit: its run is cut, all is restarted, it passes, and is looked at. Throws what does not hold. */
  tryCut(cut?: RealCut): Promise<RealTrace>;
  close(): Promise<void>;
}

export interface LaneOptions {
  /** What else is done to a unit that is without power: a fault on purpose. */
  readonly spoil?: (unit: RealUnit) => Promise<void>;
}

const stationMain = join(import.meta.dirname, '../../src-main/station/main.ts');
/** Nobody is there: a pass waits for no network. */
const service = 'HostName=127.0.0.1:9;SharedAccessKeyName=nobody;SharedAccessKey=bm9ib2R5';
/** A unit that lost an answer is waited for 20 s and greeted for 20 s more, twice at most; a busy machine adds to it. */
const verdictLimitMs = 120_000;
const passed: ReadonlySet<string> = new Set(['passed', 'enrolled', 'registered', 'seen']);

export async function openRealLane(folder: string, kind: RealKind, options: LaneOptions = {}): Promise<RealLane> {
  await mkdir(folder, { recursive: true });
  const data = join(folder, 'station');
  const database = join(data, 'station.db');
  const [secret, port] = [join(folder, 'service.txt'), join(folder, 'slot-1')];
  await writeFile(secret, `${service}\n`, { mode: 0o600 });
  const line = await openRealLine(port);
  const said: string[] = [];
  /** Runs that were shown as passed, on whichever life of the station. */
  const shown = new Set<string>();
  let number = 0;
  const start = async (): Promise<StationClient> => {
    const target = ['--connection-string-file', secret, '--id-scope', '0ne00000000', '--endpoint', '127.0.0.1:9'];
    const client = startStation({
      command: process.execPath,
      args: [stationMain, '--data', data, '--slot', `1=serial:${port}`, ...target],
      onLine: (text) => {
        said.push(text);
        if (said.length > 30) said.shift();
      },
    });
    client.onEvent(({ name, payload }) => {
      const run = name === 'slot.changed' ? SlotView.safeParse(payload).data?.run : undefined;
      if (run?.state === 'pass') shown.add(run.runId);
    });
    must(await client.call('station.get', {}));
    return client;
  };
  let station = await start();
  const slot = async (): Promise<SlotView> => must(await station.call('bench.get', {})).slots[0]!;
  const { signers } = must(await station.call('signer.list', {}));
  const { attestation, deviceProfile, serialPattern } = kind;
  const [signerId] = signers.map((signer) => signer.signerId);
  const terms = {
    ...labTerms,
    attestation,
    deviceProfile,
    serialPattern,
    ...(signerId === undefined ? {} : { signerId }),
  };
  must(await station.call('batch.open', { terms }));

  const until = (look: () => Promise<boolean>, what: string): Promise<true> =>
    eventually(
      async () => ((await look()) ? true : undefined),
      () => `${what}\n${said.join('\n')}`,
      verdictLimitMs,
    );
  const isReady = async (): Promise<boolean> => (await slot()).port.state === 'ready';
  const scan = (serialNumber: string) => station.call('bench.scan', { text: serialNumber, slot: 1 });
  /** What people do: they wait, and scan again where the run has ended and the unit has not passed. */
  const isThrough = async (serialNumber: string): Promise<boolean> => {
    const found = await station.call('unit.list', { search: serialNumber, limit: 2 });
    const bench = await station.call('bench.get', {});
    // A station that is being killed gives no answer.
    if (!found.ok || !bench.ok) return false;
    if (passed.has(found.value.items[0]?.state ?? '')) return true;
    const { run, port: own } = bench.value.slots[0]!;
    const isOver = run !== undefined && run.state !== 'working' && run.fault?.code !== 'station-restarted';
    if (isOver && own.state === 'ready') await scan(serialNumber);
    return false;
  };
  const restart = async (end: RealEnd, unit: RealUnit): Promise<void> => {
    if (end === 'unit') {
      await options.spoil?.(unit);
      line.attach(await unit.start());
      if (kind.takesPortAway) await line.plug();
    }
    if (end === 'line') {
      await until(async () => (await slot()).run?.state !== 'working', 'the verdict of a pulled cable');
      await line.plug();
    }
    line.mend();
    if (end === 'station') station = await start();
  };
  /** Arms the line; what the cut does, it does at that byte. Resolves with the end of what was struck. */
  const arm = (
    { direction, byte, end }: RealCut,
    unit: RealUnit,
  ): { isStruck: () => boolean; ending: () => Promise<unknown> } => {
    let ending: Promise<unknown> | undefined;
    line.arm(direction, byte, () => {
      if (end === 'station' && station.pid !== undefined) process.kill(station.pid, 'SIGKILL');
      if (end === 'station') ending = station.ended;
      else if (end === 'line') ending = line.pull();
      else ending = Promise.all([unit.kill(), kind.takesPortAway ? line.pull() : undefined]);
    });
    return { isStruck: () => ending !== undefined, ending: async () => ending };
  };
  return {
    tryCut: async (cut) => {
      number += 1;
      const unit = kind.unit(folder, number);
      const { serialNumber } = unit;
      line.attach(await unit.start());
      line.mend();
      await until(isReady, 'the port');
      const armed = cut === undefined ? undefined : arm(cut, unit);
      const isStruck = (): boolean => armed?.isStruck() === true;
      void scan(serialNumber);
      await until(async () => isStruck() || (await isThrough(serialNumber)), 'the first verdict');
      const bytes = { ...line.counted };
      if (cut !== undefined && armed !== undefined && isStruck()) {
        await armed.ending();
        await restart(cut.end, unit);
      }
      await until(() => isThrough(serialNumber), `${serialNumber} passes`);
      checkRealState({ kind, unit, held: await unit.held(), database, shown });
      return { isStruck: isStruck(), bytes };
    },
    close: async () => {
      await station.stop();
      await line.pull();
    },
  };
}
