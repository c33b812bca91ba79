/** A station of the byte-cut proof: real bench, real driver, real signer, real store; it lives until it is killed. */
import { createHash } from 'node:crypto';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import type { ByteStream } from '../../src-main/lib/base/stream.ts';
import type { RunView } from '../../src-main/contract/views.ts';
import type { Batch, SerialNumber } from '../../src-main/station/batches/model.ts';
import { type Bench, createBench } from '../../src-main/station/bench/bench.ts';
import type { BenchJournal, DeviceSigner, UnitDriver } from '../../src-main/station/bench/ports.ts';
import type { StationCore } from '../../src-main/station/composition.ts';
import type { Store } from '../../src-main/station/queue/store.ts';
import { endInterrupted, resume } from '../../src-main/station/recovery.ts';
import { type CutWorld, type Life, isOver } from './cut-world.ts';

const target = { idScope: '0ne00000000', endpoint: '127.100.0.1:443' };

export interface DriverParts {
  readonly world: CutWorld;
  readonly life: Life;
}

export interface CutStationParts {
  readonly world: CutWorld;
  readonly store: Store;
  readonly signer: DeviceSigner;
  readonly batch: Batch;
  readonly openPort: () => ByteStream;
  readonly driverOver: (stream: ByteStream, parts: DriverParts) => UnitDriver;
  /** Before and after each step that the journal writes; what it does there may end the life. */
  readonly atStep: (step: string, when: 'before' | 'after') => void;
  /** What was seen that must not be. */
  readonly broken: string[];
  readonly spoil?: (journal: BenchJournal) => BenchJournal;
}

export interface CutStation {
  /** What a start does: ends what was cut, and takes up again what it can. */
  recover(): Promise<void>;
  /** A person scans the unit. */
  scan(serialNumber: string): Promise<void>;
  /** What slot 1 shows. */
  run(): RunView | undefined;
  kill(): void;
}

export function startCutStation(parts: CutStationParts): CutStation {
  const { world, store, signer } = parts;
  const life = world.born();
  const clock = world.clockOf(life);
  const random = world.randomOf(life);
  const journal = mortalJournal(parts, life);
  const bench: Bench = createBench({
    slots: [
      {
        slot: 1,
        name: 'cut',
        open: () => world.inLife(life, async () => ok(parts.driverOver(parts.openPort(), { world, life }))),
      },
    ],
    journal: parts.spoil?.(journal) ?? journal,
    endorsement: { check: async () => ok() },
    digest: { sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) },
    ...{ clock, random, log: silentLog },
    signerFor: () => ({ ...signer, issue: async (csr, id) => world.busyWhile(life, signer.issue(csr, id)) }),
    target: () => target,
    onSlot: ({ run }) => {
      if (run?.state === 'pass' && !life.isDead && !isOnDisk(store, run))
        parts.broken.push('a pass was shown that is not on disk');
    },
  });
  bench.plugged(1, true);
  return {
    recover: async () => {
      const core = { store: mortalStore(store), bench } as unknown as StationCore;
      const units = must(await endInterrupted(core, clock));
      await resume(units, core, silentLog, new AbortController().signal);
    },
    scan: async (serialNumber) => {
      const request = { batch: parts.batch, serialNumber: serialNumber as SerialNumber, operator: 'Tester', slot: 1 };
      // A unit that was passed meanwhile is refused: what the slot shows says enough.
      await bench.start(request);
    },
    run: () => bench.slots()[0]?.run,
    kill: () => {
      life.end();
    },
  };
}

/** Law: the verdict shown is derived from a committed row. */
function isOnDisk({ operations }: Store, run: RunView): boolean {
  return must(operations.verdict(run.runId as never))?.verdict === 'pass';
}

/** The store in this thread: what its worker does, without the worker. What a dead station asks is not done. */
function mortalJournal({ world, store, atStep }: CutStationParts, life: Life): BenchJournal {
  const { operations } = store;
  const step = <T>(name: string, act: () => T): Promise<T> =>
    world.inLife(life, async () => {
      atStep(name, 'before');
      if (isOver(life)) return undefined as T;
      const done = act();
      atStep(name, 'after');
      return done;
    });
  return {
    begin: (start) => step('begin', () => operations.begin(start)),
    claim: (runId, claims) => step('claim', () => operations.claim(runId, claims)),
    intend: (runId, intent) => step(`intend ${intent.step}`, () => operations.intend(runId, intent)),
    fulfil: (runId, intent, outcome) => step(`fulfil ${intent.step}`, () => operations.fulfil(runId, intent, outcome)),
    pass: (runId, record) => step('pass', () => operations.pass(runId, record)),
    end: (runId, record) => step('end', () => operations.end(runId, record)),
    beginSample: (start) => step('begin', () => operations.beginSample(start)),
    endSample: (runId, record) => step('end', () => operations.endSample(runId, record)),
    verdict: (runId) => world.inLife(life, async () => operations.verdict(runId)),
    typicalMs: (attestation) => world.inLife(life, async () => must(operations.typicalMs(attestation))),
  };
}

function mortalStore({ operations }: Store) {
  return {
    forgetRecoveries: async () => operations.forgetRecoveries(),
    interrupted: async () => operations.interrupted(),
    autoRecoveries: async () => operations.autoRecoveries(),
    openedBatch: async (batchId: string) => operations.openedBatch(batchId),
    end: async (...input: Parameters<typeof operations.end>) => operations.end(...input),
  };
}
