/** A bench in this process, real but for its cables: bench, store on a SQLite file, driver, signer, and the agent's device. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../../src-main/lib/base/host.ts';
import { silentLog } from '../../../src-main/lib/base/log.ts';
import { must, ok } from '../../../src-main/lib/base/result.ts';
import type { LinkDevice } from '../../../src-main/lib/link/index.ts';
import type { BatchTerms, Phase, RunView, SlotView } from '../../../src-main/contract/views.ts';
import { type Bench, createBench } from '../../../src-main/station/bench/bench.ts';
import type { BenchJournal } from '../../../src-main/station/bench/ports.ts';
import { createEndorsementCheck } from '../../../src-main/station/drivers/endorsement-check.ts';
import { createSmpDriver } from '../../../src-main/station/drivers/smp-driver.ts';
import { type Store, openStore } from '../../../src-main/station/queue/store.ts';
import { type StationSigners, openStationSigners } from '../../../src-main/station/signers/station-signers.ts';
import { type LabLine, createLabLine } from './lab-line.ts';
import type { LabUnit } from './lab-unit.ts';
import type { PacedClock } from './paced-clock.ts';

/** Opens signer files. */
const workerEntry = new URL('../../../src-main/station/signers/pkcs12-worker-main.ts', import.meta.url);

export const labTerms = {
  name: 'Lab batch',
  product: 'Lab unit',
  quantity: 1_000,
  attestation: 'mixed',
  enrollmentKind: 'individual',
  keyAlgorithm: 'p256',
  deviceIdTemplate: '{registrationId}',
  serialPattern: 'SN[0-9]{4}',
  ekCertificatePolicy: 'none',
  deviceProfile: 'bench-link',
} as const satisfies BatchTerms;

/** A run on a free machine takes under a second; this bounds a hang and is never waited for. */
const verdictLimitMs = 30_000;

export interface BenchLab {
  readonly bench: Bench;
  readonly database: string;
  readonly signers: StationSigners;
  /** The store in this thread. */
  readonly operations: Store['operations'];
  readonly line: (slot: number) => LabLine;
  /** Puts a unit into a slot, behind `device` where one is given. */
  plug(slot: number, unit: LabUnit, device?: LinkDevice): void;
  openBatch(change?: Partial<BatchTerms>): string;
  /** A scan and its verdict. */
  run(slot: number, serialNumber: string, batchId: string): Promise<RunView>;
  scan(slot: number | undefined, serialNumber: string, batchId: string): ReturnType<Bench['start']>;
  verdict(slot: number): Promise<RunView>;
  /** Resolves when the slot shows what is asked for. */
  until(slot: number, isThere: (view: SlotView) => boolean): Promise<SlotView>;
  /** Acts at once when the slot is told to be in the phase; resolves with what came of it. */
  inPhase<T>(slot: number, phase: Phase, act: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openBenchLab(folder: string, clock: PacedClock, slots = 2): Promise<BenchLab> {
  await mkdir(folder, { recursive: true });
  const database = join(folder, 'station.db');
  const store = must(openStore({ file: database, random: systemRandom, nowMs: () => clock.nowMs() }));
  const parts = { clock, random: systemRandom, log: silentLog };
  const signers = must(await openStationSigners(join(folder, 'signers'), { ...parts, workerEntry }));
  const lines = new Map(Array.from({ length: slots }, (_, at) => [at + 1, createLabLine(clock)] as const));
  const line = (slot: number): LabLine => lines.get(slot)!;
  const plugged = new Map<number, { readonly unit: LabUnit; readonly device: LinkDevice }>();
  const listeners = new Set<(view: SlotView) => void>();
  const bench = createBench({
    ...parts,
    slots: [...lines.keys()].map((slot) => ({
      slot,
      name: `lab ${slot}`,
      open: async () => {
        const { station, unit } = line(slot).connect();
        const there = plugged.get(slot);
        there?.unit.serve(unit, there.device);
        return ok(createSmpDriver(station, { ...parts, trustedRoots: [] }));
      },
    })),
    journal: journalOf(store),
    endorsement: createEndorsementCheck([], clock),
    digest: { sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) },
    signerFor: (batch) => signers.deviceSigner(batch.terms),
    target: () => ({ idScope: '0ne00000000', endpoint: '127.100.0.1:443' }),
    onSlot: (view) => {
      const doing = view.run?.state === 'working' ? view.run.phases.find(({ state }) => state === 'doing') : undefined;
      if (doing !== undefined) line(view.slot).reached(doing.phase);
      for (const listener of listeners) listener(view);
    },
  });
  const until: BenchLab['until'] = (slot, isThere) =>
    bounded(
      new Promise<SlotView>((resolve) => {
        const look = (view: SlotView): void => {
          if (view.slot !== slot || !isThere(view)) return;
          listeners.delete(look);
          resolve(view);
        };
        listeners.add(look);
        for (const view of bench.slots()) look(view);
      }),
      `slot ${slot}`,
    );
  const scan: BenchLab['scan'] = async (slot, serialNumber, batchId) => {
    const batch = must(store.operations.openedBatch(batchId));
    const request = { batch, serialNumber: serialNumber as never, operator: 'Tester' };
    return bench.start(slot === undefined ? request : { ...request, slot });
  };
  const verdict: BenchLab['verdict'] = async (slot) => {
    const ended = await until(slot, ({ run }) => run !== undefined && run.state !== 'working');
    return ended.run!;
  };
  return {
    bench,
    database,
    signers,
    operations: store.operations,
    line,
    plug: (slot, unit, device = unit.device) => {
      plugged.set(slot, { unit, device });
      bench.plugged(slot, true);
    },
    openBatch: (change = {}) => {
      const terms = { ...labTerms, ...change };
      const signer = signers.forBatch(undefined);
      const order = { terms, openedBy: 'Tester', ...(signer === undefined ? {} : { signer }) };
      return must(store.operations.openBatch(order)).batchId;
    },
    run: async (slot, serialNumber, batchId) => {
      must(await scan(slot, serialNumber, batchId));
      return verdict(slot);
    },
    scan,
    verdict,
    until,
    inPhase: (slot, phase, act) =>
      bounded(
        new Promise((resolve) => {
          const look = ({ slot: where, run }: SlotView): void => {
            if (where !== slot || run?.state !== 'working') return;
            if (run.phases.find(({ state }) => state === 'doing')?.phase !== phase) return;
            listeners.delete(look);
            resolve(act());
          };
          listeners.add(look);
        }),
        `slot ${slot} in ${phase}`,
      ),
    close: async () => {
      await bounded(bench.close(), 'the end of the bench');
      store.close();
    },
  };
}

/** The store in this thread: what its worker does, without the worker. */
export function journalOf({ operations }: Store): BenchJournal {
  return {
    begin: async (start) => operations.begin(start),
    claim: async (runId, claims) => operations.claim(runId, claims),
    intend: async (runId, intent) => operations.intend(runId, intent),
    fulfil: async (runId, intent, outcome) => operations.fulfil(runId, intent, outcome),
    pass: async (runId, record) => operations.pass(runId, record),
    end: async (runId, record) => operations.end(runId, record),
    beginSample: async (start) => operations.beginSample(start),
    endSample: async (runId, record) => operations.endSample(runId, record),
    verdict: async (runId) => operations.verdict(runId),
    typicalMs: async (attestation) => must(operations.typicalMs(attestation)),
  };
}

async function bounded<T>(wait: Promise<T>, what: string): Promise<T> {
  const given = new AbortController();
  const limit = sleep(systemClock, verdictLimitMs, given.signal).then(() => {
    if (!given.signal.aborted) throw new Error(`hung: waited ${verdictLimitMs / 1_000} s for ${what}`);
    return undefined as never;
  });
  return Promise.race([wait, limit]).finally(() => {
    given.abort();
  });
}
