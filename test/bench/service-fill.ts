/** Enrollments put directly into a service's file, in big transactions: a million over the wire would take an hour. */
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import type { IndividualEnrollment } from '../../src-main/lib/dps/wire.ts';
import { openDatabase } from '../../src-main/lib/sqlite/database.ts';
import { enrollmentFromWire } from '../../src-main/service/core/enrollment-form.ts';
import { enrollmentToRow } from '../../src-main/service/store/rows.ts';
import { openSqliteStore } from '../../src-main/service/store/sql-store.ts';
import type { LoadTpm } from './service-load-types.ts';

const perTransaction = 20_000;

export async function fillEnrollments(
  folder: string,
  count: number,
  make: (at: number) => IndividualEnrollment,
): Promise<void> {
  const database = must(openDatabase({ file: join(folder, 'service.sqlite') }));
  // It makes the tables.
  const store = must(openSqliteStore(database));
  const insert = database.driver.prepare(
    'INSERT INTO enrollments (kind, key, id, etag, body, created_ms, updated_ms) VALUES (@kind, @key, @id, @etag, @body, @created_ms, @updated_ms)',
  );
  for (let from = 0; from < count; from += perTransaction) {
    database.driver.transaction(() => {
      for (let at = from; at < Math.min(count, from + perTransaction); at += 1) {
        insert.run(enrollmentToRow(enrollmentOf(make(at))));
      }
    })();
  }
  await store.close();
}

function enrollmentOf(wire: IndividualEnrollment) {
  const freshKey = (): string => Buffer.from(systemRandom.bytes(64)).toString('base64');
  const stamp = { nowMs: systemClock.nowMs(), etag: systemRandom.uuid(), freshKey };
  return must(enrollmentFromWire('individual', wire, stamp)).enrollment;
}

export const tpmEnrollment = (registrationId: string, tpm: LoadTpm): IndividualEnrollment => ({
  registrationId,
  attestation: { type: 'tpm', tpm: { endorsementKey: tpm.endorsementKey } },
});
