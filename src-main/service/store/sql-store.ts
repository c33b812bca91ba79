/** The core's Store over kysely. */
import { Kysely, sql } from 'kysely';
import type { Clock } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { systemClock } from '../../lib/base/host.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import type { Database } from '../../lib/sqlite/database.ts';
import { createDeferredSync, type SyncFile } from '../../lib/sqlite/deferred-sync.ts';
import { faultOf } from '../../lib/sqlite/faults.ts';
import { kyselyDialect } from '../../lib/sqlite/kysely.ts';
import { migrate } from '../../lib/sqlite/migrate.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { ChangeOutcome, PageOf, Precondition, Store, Stored } from '../core/ports.ts';
import type { AllocationDefault, EnrollmentKind, ServiceIdentity } from '../core/records.ts';
import type { Access, Db } from './access.ts';
import { caCertificatesOver } from './ca-certificates.ts';
import { changeEnrollment } from './enrollment-changes.ts';
import { createGroupCommit } from './group-commit.ts';
import { linkedHubsOver } from './linked-hubs.ts';
import { firstTables } from './migrations/0001-first-tables.ts';
import { rememberUnlinkedHubs } from './migrations/0002-remember-unlinked-hubs.ts';
import { moreProofs } from './migrations/0003-more-proofs.ts';
import { devicePlaces } from './migrations/0004-device-places.ts';
import { fewOfOneId } from './migrations/0005-few-of-one-id.ts';
import { operationQueries, pendingOperations, purgeOperations } from './operations.ts';
import { placesOver } from './places.ts';
import { query } from './queries.ts';
import { createGroupReader, enrollmentFromRow, registrationFromRow } from './rows.ts';
import type { EnrollmentRow, Tables } from './schema.ts';

export function openSqliteStore(database: Database, clock: Clock = systemClock, syncFile?: SyncFile): Result<Store> {
  const migrated = migrate(database, [firstTables, rememberUnlinkedHubs, moreProofs, devicePlaces, fewOfOneId]);
  if (!migrated.ok) return migrated;
  return ok(sqlStore(new Kysely<Tables>({ dialect: kyselyDialect(database) }), database, clock, syncFile));
}

/** What the file did not take. */
class NotWritten extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.say);
    this.fault = fault;
  }
}

function sqlStore(db: Db, database: Database, clock: Clock, syncFile?: SyncFile): Store {
  const commits = createDeferredSync(database, syncFile);
  const readFault = (error: unknown): Fault | undefined =>
    error instanceof NotWritten ? error.fault : faultOf(error, database.file);
  // Kysely's transactions are awaited: what runs in one turn goes between them, never inside one.
  const inTurn = async <T>(work: () => T | Promise<T>): Promise<T> =>
    database.inTransaction ? db.connection().execute(async () => work()) : work();
  const refusal = (fault: Fault): Result<never, ServiceFault> =>
    failed(serviceFault('store-failed', { reason: fault.say, cause: fault.code }));
  // A look may see what is committed and not on disk yet: it is told when that is.
  const whenOnDisk = <T>(answer: Result<T, ServiceFault>): Result<T, ServiceFault> | Stored<T> => {
    const wait = commits.settled();
    return wait === undefined ? answer : wait.then((kept) => (kept.ok ? answer : refusal(kept.fault)));
  };
  const guarded = async <T>(work: () => Promise<T>): Stored<T> => {
    try {
      return await whenOnDisk(ok(await work()));
    } catch (error) {
      const fault = readFault(error);
      if (fault === undefined) throw error;
      return refusal(fault);
    }
  };
  const group = createGroupCommit({
    async transaction(work) {
      const value = await inTurn(() => {
        const done = commits.write((change) => ok(work(change)));
        if (!done.ok) throw new NotWritten(done.fault);
        return done.value;
      });
      const kept = await commits.settled();
      if (kept?.ok === false) throw new NotWritten(kept.fault);
      return value;
    },
    clock,
    isStoreFault(error) {
      const fault = readFault(error);
      // a conflict is one change's own
      return fault !== undefined && fault.code !== 'database-conflict';
    },
  });
  const access: Access = {
    look: (work) => guarded(() => work(db)),
    change: (work) => guarded(() => db.transaction().execute(work)),
    glance: (work) =>
      inTurn(() => {
        const seen = database.glance(work);
        return whenOnDisk(seen.ok ? seen : refusal(seen.fault));
      }),
    join: (work) => guarded(() => group.join(work)),
    db,
  };
  return {
    ...settingsOver(access),
    ...linkedHubsOver(access),
    ...enrollmentsOver(access),
    ...caCertificatesOver(access),
    ...operationsOver(access),
    ...registrationsOver(access),
    async close() {
      commits.close();
      await db.destroy();
      // Kysely closes what it has used: a store that was never asked would keep its file.
      database.close();
    },
  };
}

async function registered(db: Db): Promise<number> {
  const counted = db.selectFrom('registrations').select((rows) => rows.fn.countAll<number>().as('n'));
  return (await counted.executeTakeFirstOrThrow()).n;
}

type Settings = Pick<Store, 'loadOrCreateIdentity' | 'allocationDefault' | 'setAllocationDefault' | 'counts'>;

function settingsOver({ look, change }: Access): Settings {
  const setting = async (db: Db, name: string): Promise<string | undefined> =>
    (await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst())?.value;
  const enrolled = async (db: Db, kind: EnrollmentKind): Promise<number> => {
    const counted = db.selectFrom('enrollments').select((rows) => rows.fn.countAll<number>().as('n'));
    return (await counted.where('kind', '=', kind).executeTakeFirstOrThrow()).n;
  };
  return {
    loadOrCreateIdentity: (fresh) =>
      change(async (db) => {
        const value = JSON.stringify(fresh);
        const values = { name: 'identity', value };
        await db
          .insertInto('settings')
          .values(values)
          .onConflict((known) => known.doNothing())
          .execute();
        return JSON.parse((await setting(db, 'identity')) ?? value) as ServiceIdentity;
      }),
    allocationDefault: () =>
      look(async (db) => ((await setting(db, 'allocation-policy')) ?? 'hashed') as AllocationDefault),
    setAllocationDefault: (value) =>
      change(async (db) => {
        await db
          .insertInto('settings')
          .values({ name: 'allocation-policy', value })
          .onConflict((known) => known.column('name').doUpdateSet({ value }))
          .execute();
      }),
    counts: () =>
      look(async (db) => ({
        enrollments: await enrolled(db, 'individual'),
        groups: await enrolled(db, 'group'),
        registrations: await registered(db),
      })),
  };
}

type EnrollmentTable = Pick<
  Store,
  'changeEnrollments' | 'enrollment' | 'enrollments' | 'groupsByKey' | 'groupsBySubject'
>;

function enrollmentsOver({ look, change, glance, db: root }: Access): EnrollmentTable {
  const byKey = query((of: { readonly kind: EnrollmentKind; readonly key: string }) =>
    root.selectFrom('enrollments').selectAll().where('kind', '=', of.kind).where('key', '=', of.key),
  );
  const readRow = createGroupReader();
  const bySubject = query((of: { readonly hash: string }) =>
    root
      .selectFrom('group_subjects as s')
      .innerJoin('enrollments as e', 'e.key', 's.group_key')
      .selectAll('e')
      .where('e.kind', '=', 'group')
      .where('s.subject_hash', '=', of.hash),
  );
  return {
    changeEnrollments: (changes) =>
      change(async (db) => {
        const outcomes: ChangeOutcome[] = [];
        for (const one of changes) outcomes.push(await changeEnrollment(db, one));
        return outcomes;
      }),
    enrollment: (kind, key) =>
      glance((db) => {
        const row = byKey.first(db, { kind, key });
        return row === undefined ? undefined : readRow(row);
      }),
    enrollments: (kind, { after = '', limit }) =>
      look(async (db) => {
        const rows = await db
          .selectFrom('enrollments')
          .selectAll()
          .where('kind', '=', kind)
          .where('key', '>', after)
          .orderBy('key')
          // One more than asked for tells whether there is a next page.
          .limit(limit + 1)
          .execute();
        return pageOf(rows.map(enrollmentFromRow), limit);
      }),
    groupsByKey: () =>
      look(async (db) => {
        // Literal: the index is of groups alone, and a bound value would not tell that it fits.
        const found = sql<boolean>`kind = 'group' AND attestation = 'symmetricKey'`;
        const rows = await db.selectFrom('enrollments').selectAll().where(found).orderBy('key').execute();
        return rows.map(enrollmentFromRow);
      }),
    groupsBySubject: (subjectHashes) =>
      glance((db) => {
        const found = new Map<string, EnrollmentRow>();
        for (const hash of subjectHashes) {
          for (const row of bySubject.all(db, { hash })) found.set(row.key, row);
        }
        return [...found.values()].map(readRow);
      }),
  };
}

type OperationTable = Pick<
  Store,
  'startOperations' | 'operation' | 'pendingOperations' | 'postponeOperation' | 'finishOperations' | 'purgeOperations'
>;

function operationsOver({ look, change, glance, join, db: root }: Access): OperationTable {
  const queries = operationQueries(root);
  return {
    startOperations: (operations) => join((db) => operations.map((operation) => queries.start(db, operation))),
    operation: (id) => glance((db) => queries.byId(db, id)),
    pendingOperations: (nowMs, limit) => look((db) => pendingOperations(db, nowMs, limit)),
    postponeOperation: (id, postponed) =>
      join((db) => {
        queries.postpone(db, id, postponed);
      }),
    finishOperations: (finished) =>
      join((db) => {
        for (const one of finished) queries.finish(db, one);
      }),
    purgeOperations: (old, limit) => change((db) => purgeOperations(db, old, limit)),
  };
}

type RegistrationTable = Pick<Store, 'registration' | 'registrations' | 'registrationOfDevice' | 'deleteRegistration'>;

function registrationsOver({ look, glance, join, db: root }: Access): RegistrationTable {
  const places = placesOver(root);
  const byKey = query((of: { readonly key: string }) =>
    root.selectFrom('registrations').selectAll().where('key', '=', of.key),
  );
  const remove = query((of: { readonly key: string }) => root.deleteFrom('registrations').where('key', '=', of.key));
  return {
    registration: (key) =>
      glance((db) => {
        const row = byKey.first(db, { key });
        return row === undefined ? undefined : registrationFromRow(row);
      }),
    registrations: ({ after = '', limit, groupKey }) =>
      look(async (db) => {
        const all = db
          .selectFrom('registrations')
          .selectAll()
          .where('key', '>', after)
          .orderBy('key')
          .limit(limit + 1);
        const some = groupKey === undefined ? all : all.where('group_key', '=', groupKey);
        return pageOf((await some.execute()).map(registrationFromRow), limit);
      }),
    registrationOfDevice: (hub, deviceId) => glance((db) => places.holder(db, hub, deviceId)),
    async deleteRegistration(key, condition) {
      const done = await join((db) => {
        if (!isMet(condition, byKey.first(db, { key }))) {
          return failed(serviceFault('etag-mismatch', { what: 'The registration' }));
        }
        remove.run(db, { key });
        places.leaveOthers(db, key);
        return ok();
      });
      return done.ok ? done.value : done;
    },
  };
}

function isMet(condition: Precondition, row: { readonly etag: string } | undefined): boolean {
  return condition.is !== 'etag' || row?.etag === condition.etag;
}

function pageOf<T extends { readonly key: string }>(items: readonly T[], limit: number): PageOf<T> {
  const page = items.slice(0, limit);
  return { items: page, after: items.length > limit ? page.at(-1)?.key : undefined };
}
