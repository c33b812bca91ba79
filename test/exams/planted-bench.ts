/** A real bench (store, signer, port hosts) in front of agents that are programs of their own, each with its faults. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { sleep } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import type { RunView, SlotView } from '../../src-main/contract/views.ts';
import { createBench } from '../../src-main/station/bench/bench.ts';
import { createDeviceProfiles } from '../../src-main/station/drivers/device-profiles.ts';
import { createEndorsementCheck } from '../../src-main/station/drivers/endorsement-check.ts';
import { createSlotPort } from '../../src-main/station/drivers/slot-port.ts';
import { openStore } from '../../src-main/station/queue/store.ts';
import { openStationSigners } from '../../src-main/station/signers/station-signers.ts';
import { journalOf, labTerms } from '../flows/support/bench-lab.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const entry = (path: string): string => new URL(`../../src-main/${path}`, import.meta.url).pathname;

export interface PlantedBench {
  /** A scan and its verdict; the serial number is `SN-` and four digits. */
  run(slot: number, serialNumber: string): Promise<RunView>;
  close(): Promise<void>;
}

/** @param ports where each slot finds its unit */
export async function openPlantedBench(folder: string, ports: readonly string[]): Promise<PlantedBench> {
  const store = must(
    openStore({ file: join(folder, 'station.db'), random: systemRandom, nowMs: () => systemClock.nowMs() }),
  );
  const workerEntry = new URL('../../src-main/station/signers/pkcs12-worker-main.ts', import.meta.url);
  const signers = must(await openStationSigners(join(folder, 'signers'), { ...parts, workerEntry }));
  const portHost = { execPath: process.execPath, entryPath: entry('lib/serial/port-host-main.ts') };
  const slotParts = { ...parts, portHost, trustedRoots: () => [], profiles: createDeviceProfiles() };
  const slots = ports.map((address, at) =>
    createSlotPort(
      { slot: at + 1, name: address, line: async () => ok({ kind: 'serial', profile: { path: address } }) },
      slotParts,
    ),
  );
  const listeners = new Set<(view: SlotView) => void>();
  const bench = createBench({
    ...parts,
    slots,
    journal: journalOf(store),
    endorsement: createEndorsementCheck([], systemClock),
    digest: { sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()) },
    signerFor: (batch) => signers.deviceSigner(batch.terms),
    target: () => ({ idScope: '0ne00000000', endpoint: '127.0.0.1:1' }),
    onSlot: (view) => {
      for (const listener of listeners) listener(view);
    },
  });
  for (const { slot } of slots) bench.plugged(slot, true);
  const terms = { ...labTerms, serialPattern: 'SN-[0-9]{4}' };
  const signer = signers.forBatch(undefined);
  const order = { terms, openedBy: 'Tester', ...(signer === undefined ? {} : { signer }) };
  const { batchId } = must(store.operations.openBatch(order));
  return {
    async run(slot, serialNumber) {
      const batch = must(store.operations.openedBatch(batchId));
      const given = new AbortController();
      const ended = new Promise<RunView>((resolve) => {
        const look = (view: SlotView): void => {
          if (view.slot !== slot || view.run === undefined || view.run.state === 'working') return;
          listeners.delete(look);
          resolve(view.run);
        };
        listeners.add(look);
      });
      must(await bench.start({ batch, serialNumber: serialNumber as never, operator: 'Tester', slot }));
      const limit = sleep(systemClock, hangMs, given.signal).then((): never => {
        throw new Error(`hung: slot ${slot}`);
      });
      limit.catch(() => undefined);
      const run = await Promise.race([ended, limit]);
      given.abort();
      return run;
    },
    async close() {
      await bench.close();
      await Promise.all(slots.map((slot) => slot.close()));
      store.close();
    },
  };
}

/** The longest fault waits 20 s for a greeting; this bounds a hang and is never waited for. */
const hangMs = 150_000;
