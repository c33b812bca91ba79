/** The service program is killed while a station sends to it: the outbox drains, and nothing is enrolled twice or lost. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toBase64 } from '../../src-main/lib/base/bytes.ts';
import { systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { ekPublic, srkPublic } from '../../src-main/lib/tpm/templates.ts';
import type { Batch } from '../../src-main/station/batches/model.ts';
import type { Sync } from '../../src-main/station/sync/sync.ts';
import { tpmPass } from '../exams/store-units.ts';
import { type ServiceBed, openServiceBed, until } from './service-bed.ts';
import { type SyncBed, openSyncBed } from './sync-bed.ts';
import { writeCells } from './support/cells.ts';
import { type ReplyGate, openReplyGate } from './support/reply-gate.ts';
import { withStillCopy } from './support/still-copy.ts';
import { sqliteRows } from './support/witness-sqlite.ts';

let service: ServiceBed;
let gate: ReplyGate;
let bed: SyncBed;
let batch: Batch;
let sync: Sync;
let passed = 0;
let kills = 0;

beforeAll(async () => {
  service = await openServiceBed(1);
  gate = await openReplyGate(service.address, service.ready.ports.https);
  bed = await openSyncBed();
  batch = await bed.batch();
  sync = bed.sync({ connection: { ...service.connection, port: gate.port }, caPem: service.caPem });
});

afterAll(async () => {
  // One kill between commit and reply, three in the middle of many calls.
  await writeCells('survival-service', kills, 4);
  await bed.close();
  await gate.close();
  await service.close();
});

/** Units with keys that a TPM could have; the service reads them. */
async function passUnits(count: number): Promise<void> {
  for (let more = 0; more < count; more += 1) {
    passed += 1;
    const key = (area: (modulus: Uint8Array) => Uint8Array): string => toBase64(area(systemRandom.bytes(256)));
    const keys = { endorsementKey: key(ekPublic), storageRootKey: key(srkPublic) };
    await bed.pass(batch, `SN${passed}`, (name, endedMs) => ({ ...tpmPass(name, endedMs), ...keys }));
  }
}

function online(): Promise<true> {
  return until(async () => (sync.view().state === 'online' ? true : undefined), 'the service online', 30_000);
}

/** What the service has on disk, read past it. */
function enrolled() {
  const file = join(service.folder, 'service', 'service.sqlite');
  return withStillCopy(file, (copy) => sqliteRows(copy, 'SELECT * FROM enrollments ORDER BY id'));
}

async function drained(): Promise<{ sent: number; parked: number }> {
  const look = async () => {
    const { pending, sending, sent, parked } = must(await bed.store.outboxCounts());
    return pending + sending === 0 ? { sent, parked } : undefined;
  };
  return until(look, 'the outbox drained', 60_000);
}

/** Every unit is enrolled by one row, which was made once and never changed, and both sides agree on the names. */
function expectEachEnrolledOnce(): void {
  const rows = enrolled();
  expect(rows).toHaveLength(passed);
  expect(rows.filter((row) => row['created_ms'] !== row['updated_ms'])).toEqual([]);
  const outbox = sqliteRows(bed.file, `SELECT key FROM outbox WHERE state = 'sent' ORDER BY key`);
  expect(rows.map((row) => row['id'])).toEqual(outbox.map((row) => row['key']));
}

describe('a service that is killed while a station sends', () => {
  it('between its commit and its reply: the station finds what was done, and enrolls nobody twice', async () => {
    await online();
    gate.hold();
    await passUnits(25);
    await until(async () => (enrolled().length > 0 ? true : undefined), 'a commit without a reply');
    expect(must(await bed.store.outboxCounts()).sent).toBe(0);
    await service.killService('SIGKILL');
    gate.release();
    await until(async () => (sync.view().state === 'offline' ? true : undefined), 'the station to notice', 30_000);
    // The bench goes on without a service.
    await passUnits(1);
    await service.restartService();
    expect(await drained()).toEqual({ sent: 26, parked: 0 });
    expectEachEnrolledOnce();
    kills += 1;
  });

  it('in the middle of many calls, three times: everything arrives once', async () => {
    for (let round = 0; round < 3; round += 1) {
      await online();
      const before = enrolled().length;
      await passUnits(15);
      await until(async () => (enrolled().length > before ? true : undefined), 'the first of them');
      await service.killService('SIGKILL');
      await service.restartService();
      expect(await drained()).toEqual({ sent: passed, parked: 0 });
      expectEachEnrolledOnce();
      kills += 1;
    }
  });
});
