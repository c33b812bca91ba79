/** Enrollments a second from the outbox into the real service, against the same bulk calls with no store behind them. */
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { silentLog } from '../../src-main/lib/base/log.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { IndividualEnrollment as WireEnrollment } from '../../src-main/lib/dps/wire.ts';
import { type IndividualEnrollment, individualEnrollment } from '../../src-main/station/batches/enrollment.ts';
import type { Batch } from '../../src-main/station/batches/model.ts';
import { createStationStore, type StationStore } from '../../src-main/station/queue/station-store.ts';
import { createBudget } from '../../src-main/station/sync/budget.ts';
import { startSync } from '../../src-main/station/sync/sync.ts';
import { createTargetClient } from '../../src-main/station/sync/target-client.ts';
import { claimsOf, signer, someTerms, startOf, x509Pass } from '../exams/store-units.ts';
import { openServiceBed, type ServiceBed } from '../flows/service-bed.ts';
import { makeAuthority, makeLeaf } from '../flows/service-devices.ts';
import { until } from './bench-station.ts';
import { type BenchContext, type Benchmark, type Figure, median, nowMs } from './runner.ts';

const parts = { clock: systemClock, random: systemRandom, log: silentLog };
const workerEntry = new URL('../../src-main/station/queue/store-worker-main.ts', import.meta.url);
const turns = 3;
const perTurn = 300;
// dps-wire 7.5: a bulk takes ten.
const bulkItems = 10;
// The pace that a service allows (1,000 operations a minute) would be all that is measured: here there is none.
const noPace = 1_000_000_000;

export const outbox: Benchmark = {
  name: 'outbox',
  about:
    'pending enrollments -> the service confirmed them, and the store knows, in bulks of ten; without the pace of 1,000 a minute',
  processes: 'store worker and sync in one process, the service and the hubs each in its own',
  durability: 'station: WAL, synchronous=FULL, twice for each bulk; service: its own store',
  run,
};

async function run({ folder, say }: BenchContext): Promise<readonly Figure[]> {
  const service = await openServiceBed();
  const file = join(folder, 'station.db');
  const store = must(await createStationStore({ file, workerEntry, clock: systemClock, log: silentLog }));
  try {
    const terms = someTerms({ quantity: 10_000, attestation: 'x509', enrollmentKind: 'individual' });
    const { batchId } = must(await store.openBatch({ terms, openedBy: 'Sam', signer }));
    const batch = must(await store.openedBatch(batchId));
    // One certificate for all: what is measured is the way there, not the making of leaves.
    const { certificatePem } = (await makeLeaf('any', await makeAuthority('Benchmark CA'))).tls;
    const drained: number[] = [];
    const bare: number[] = [];
    for (let turn = 1; turn <= turns; turn += 1) {
      say(`turn ${turn} of ${turns}`);
      await fill(store, batch, turn, certificatePem);
      drained.push(await drainedPerSecond(service, store, turn * perTurn));
      bare.push(await barePerSecond(service, turn, certificatePem));
    }
    const reference = { name: 'a bare client', value: median(bare) };
    const common = { unit: '1/s', runs: turns } as const;
    return [
      { name: 'enrollments drained', value: median(drained), ...common, reference, note: `${perTurn} in each run` },
      { name: 'bare bulk calls', value: median(bare), ...common },
    ];
  } finally {
    await store.close();
    await service.close();
  }
}

async function fill(store: StationStore, batch: Batch, turn: number, certificateChain: string): Promise<void> {
  for (let at = 0; at < perTurn; at += 1) {
    const serialNumber = `SN${turn}${String(at).padStart(4, '0')}`;
    const record = { ...x509Pass(serialNumber, systemClock.nowMs()), certificateChain };
    const start = startOf(batch, serialNumber, systemRandom.uuid(), systemClock.nowMs());
    must(await store.begin(start));
    must(await store.claim(start.runId, claimsOf(record)));
    must(await store.pass(start.runId, record));
  }
}

async function drainedPerSecond(service: ServiceBed, store: StationStore, expected: number): Promise<number> {
  const { connection, caPem } = service;
  const target = createTargetClient({ connection, caPem }, parts);
  const startMs = nowMs();
  const sync = startSync({ store, target, budget: createBudget(systemClock, noPace), ...parts });
  // The sync's own counts: asking the store as well would make it slower.
  await until('the outbox drained', 60_000, async () => sync.view().sent >= expected || sync.view().parked > 0);
  const perSecond = (1_000 * perTurn) / (nowMs() - startMs);
  const { parked } = sync.view();
  await sync.stop();
  target.close();
  if (parked > 0) throw new Error(`${parked} entries were parked`);
  return perSecond;
}

// The wire's type is open for what a newer service may add; ours names what we send.
const asWire = (item: IndividualEnrollment): WireEnrollment => item as unknown as WireEnrollment;

async function barePerSecond(service: ServiceBed, turn: number, certificate: string): Promise<number> {
  const bulks = Array.from({ length: perTurn / bulkItems }, (_, bulk) =>
    Array.from({ length: bulkItems }, (_item, at) => {
      const registrationId = `bare${turn}-${bulk}-${at}`;
      const names = { registrationId, deviceId: `dev-${registrationId}` };
      const x509 = { clientCertificates: { primary: { certificate } } };
      return asWire(individualEnrollment(names, { type: 'x509', x509 }, {}));
    }),
  );
  const client = service.clientWith({});
  const startMs = nowMs();
  for (const items of bulks) {
    const { isSuccessful } = must(await client.enrollments.bulk('create', items));
    if (!isSuccessful) throw new Error('a bulk was refused');
  }
  const perSecond = (1_000 * perTurn) / (nowMs() - startMs);
  client.close();
  return perSecond;
}
