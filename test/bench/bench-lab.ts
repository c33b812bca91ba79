/** A bench to measure: the station program with its slots, and the units in front of it in a process of their own. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { SlotView } from '../../src-main/contract/views.ts';
import { type BenchStation, openStationUnder, readySlots, until } from './bench-station.ts';
import { memoryOfTree } from './processes.ts';
import { type BenchContext, nowMs } from './runner.ts';
import type { HostAsk, HostOrder, UnitCounts } from './unit-host.ts';

const file = (name: string): string => join(import.meta.dirname, name);

export interface Verdict {
  readonly state: string;
  readonly ms: number;
  readonly code: string;
}

export interface Stalls {
  readonly longestMs: number;
  readonly p999Ms: number;
  /** The longest piece of the program's own work. */
  readonly busiestMs: number;
  /** In use after a collection: in the station's main thread, and in its store worker. */
  readonly heapMb: number;
  readonly workerHeapMb: number;
}

export interface BenchLab {
  readonly station: BenchStation;
  readonly database: string;
  /** A new unit takes the place of the one in the slot. */
  insert(slot: number, serialNumber: string, attestation: 'tpm' | 'x509'): Promise<void>;
  /** From the scan to the verdict. */
  run(slot: number, serialNumber: string): Promise<Verdict>;
  counts(slot: number): Promise<UnitCounts>;
  /** Of the station's event loop since it was asked before. */
  stalls(): Promise<Stalls>;
  /** The station with its store worker, in MB. */
  memoryMb(): number;
  close(): Promise<void>;
}

export interface LabPlan {
  readonly slots: number;
  /** Absent: TCP, as fast as it goes. */
  readonly baudRate?: number;
  readonly tpms: number;
  readonly quantity: number;
}

/** A run at 115,200 baud takes seconds; this bounds a hang. */
const verdictLimitMs = 120_000;

export async function openBenchLab({ folder, block }: BenchContext, name: string, plan: LabPlan): Promise<BenchLab> {
  const { slots, baudRate, tpms, quantity } = plan;
  const own = join(folder, name);
  const { host, addresses } = await startHost({ folder, slots, tpms });
  const line = baudRate === undefined ? undefined : await startLines(folder, addresses, baudRate);
  const words = addresses.flatMap((address, at) => [
    '--slot',
    baudRate === undefined ? `${at + 1}=tcp:${address}` : `${at + 1}=serial:${lineOf(folder, at + 1)}`,
  ]);
  const stallsFile = join(folder, `${name}-stalls.json`);
  process.env['BENCH_STALLS'] = stallsFile;
  const station = openStationUnder(
    ['--expose-gc', '--import', file('stall-probe.ts')],
    own,
    '--listen',
    `${block.base}.1`,
    ...words,
  );
  const { client, lastLines } = station;
  await until(`a station with ${slots} slots\n${lastLines()}`, 60_000, async () => {
    const { target } = must(await client.call('station.get', {}));
    return target.state !== 'starting' && target.state !== 'offline' && (await readySlots(client)) === slots;
  });
  if (line !== undefined) await untilHosts(client.pid ?? 0, slots);
  await openBatch(station, quantity);
  const waiting = new Map<string, (verdict: Omit<Verdict, 'ms'>) => void>();
  client.onEvent((event) => {
    if (event.name !== 'slot.changed') return;
    const { run } = SlotView.parse(event.payload);
    if (run === undefined || run.state === 'working') return;
    waiting.get(run.serialNumber)?.({ state: run.state, code: run.fault?.code ?? '' });
    waiting.delete(run.serialNumber);
  });
  const ask = async (message: HostAsk): Promise<UnitCounts> => {
    const answered = new Promise<UnitCounts>((resolve) => {
      const hear = (answer: { slot?: number; counts?: UnitCounts }): void => {
        if (answer.slot !== message.slot || answer.counts === undefined) return;
        host.off('message', hear);
        resolve(answer.counts);
      };
      host.setMaxListeners(64);
      host.on('message', hear);
    });
    host.send(message);
    return answered;
  };
  return {
    station,
    database: join(own, 'station.db'),
    insert: async (slot, serialNumber, attestation) => {
      await ask({ ask: 'insert', slot, serialNumber, attestation });
    },
    run: async (slot, serialNumber) => {
      const verdict = new Promise<Omit<Verdict, 'ms'>>((resolve) => waiting.set(serialNumber, resolve));
      const startMs = nowMs();
      must(await client.call('bench.scan', { text: serialNumber, slot }));
      const given = new AbortController();
      const limit = sleep(systemClock, verdictLimitMs, given.signal).then(() => ({
        state: 'none',
        code: 'no verdict',
      }));
      const told = await Promise.race([verdict, limit]);
      given.abort();
      return { ...told, ms: nowMs() - startMs };
    },
    counts: (slot) => ask({ ask: 'counts', slot }),
    stalls: async () => {
      rmSync(stallsFile, { force: true });
      process.kill(client.pid ?? 0, 'SIGUSR2');
      let read: Stalls | undefined;
      await until('the station tells of its stalls', 10_000, async () => {
        read = parsed(stallsFile);
        return read !== undefined;
      });
      if (read === undefined) throw new Error('the station told nothing of its stalls');
      return read;
    },
    memoryMb: () => memoryOfTree(client.pid ?? 0).find(({ pid }) => pid === client.pid)?.pssMb ?? Number.NaN,
    close: async () => {
      await client.stop();
      line?.kill();
      host.kill();
    },
  };
}

function parsed(path: string): Stalls | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Stalls;
  } catch {
    return undefined;
  }
}

/** The station starts them one after another once it is up; a technician has not scanned anything by then. */
async function untilHosts(pid: number, slots: number): Promise<void> {
  await until('a port host for each slot', 180_000, async () => {
    return memoryOfTree(pid).filter(({ name }) => name === 'port host').length === slots;
  });
}

async function startHost(order: HostOrder) {
  const host = fork(file('unit-host.ts'), [JSON.stringify(order)]);
  const ended = once(host, 'exit').then((): never => {
    throw new Error('the units did not come up');
  });
  const [said] = (await Promise.race([once(host, 'message'), ended])) as [{ addresses: readonly string[] }];
  ended.catch(() => undefined);
  return { host, addresses: said.addresses };
}

const lineOf = (folder: string, slot: number): string => join(folder, `line-${slot}`);

/** The lines as a program of their own, so that pacing them is no load of who is measured. */
async function startLines(folder: string, units: readonly string[], baudRate: number): Promise<ChildProcess> {
  const lines = units.map((address, at) => ({
    unit: `tcp:${address}`,
    station: lineOf(folder, at + 1),
    options: { baudRate },
  }));
  const main = join(import.meta.dirname, '../serial-proxy/main.ts');
  const child = spawn(process.execPath, [main, JSON.stringify({ lines })], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

async function openBatch({ client }: BenchStation, quantity: number): Promise<void> {
  const [signer] = must(await client.call('signer.list', {})).signers;
  const terms = {
    ...{ name: 'Shift', product: 'Unit', quantity, attestation: 'mixed' as const, enrollmentKind: 'group' as const },
    ...{ keyAlgorithm: 'p256' as const, deviceIdTemplate: '{registrationId}', serialPattern: 'BENCH-[0-9A-Z-]{1,30}' },
    ...{ ekCertificatePolicy: 'none' as const },
    ...(signer === undefined ? {} : { signerId: signer.signerId }),
  };
  const { batchId } = must(await client.call('batch.open', { terms }));
  must(await client.call('batch.select', { batchId }));
}
