/** The CA certificates, and which enrollments name them. */
import type { Transaction } from 'kysely';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { Store, Stored } from '../core/ports.ts';
import { keyOf, type Attestation, type CaCertificate, type Enrollment } from '../core/records.ts';
import type { Access, Db } from './access.ts';
import type { AuthorityRow, Tables } from './schema.ts';

type CaTable = Pick<Store, 'caCertificates' | 'addCaCertificate' | 'updateCaCertificate' | 'deleteCaCertificate'>;

// dps-wire 5.4.
const maxCaCertificates = 25;

export function caCertificatesOver({ look, change }: Access): CaTable {
  const judged = async <T>(work: (db: Transaction<Tables>) => Promise<Result<T, ServiceFault>>): Stored<T> => {
    const done = await change(work);
    return done.ok ? done.value : done;
  };
  return {
    caCertificates: () => look(allOf),
    addCaCertificate: (ca) => judged((db) => add(db, ca)),
    updateCaCertificate: (ca, etag) =>
      judged(async (db) => {
        const done = await db
          .updateTable('authorities')
          .set(rowOf(ca))
          .where('key', '=', ca.key)
          .where('etag', '=', etag)
          .executeTakeFirst();
        return done.numUpdatedRows === 1n ? ok(ca) : failed(serviceFault('etag-mismatch', { what: nameOf(ca.name) }));
      }),
    deleteCaCertificate: (key) =>
      judged(async (db) => {
        const named = await db
          .selectFrom('authority_references')
          .select((rows) => rows.fn.countAll<number>().as('n'))
          .where('authority_key', '=', key)
          .executeTakeFirstOrThrow();
        if (named.n > 0)
          return failed(
            serviceFault('in-use', {
              what: nameOf(key),
              enrollments: named.n === 1 ? '1 enrollment' : `${named.n} enrollments`,
            }),
          );
        const done = await db.deleteFrom('authorities').where('key', '=', key).executeTakeFirst();
        return done.numDeletedRows === 1n ? ok() : failed(serviceFault('not-found', { what: nameOf(key) }));
      }),
  };
}

async function allOf(db: Db): Promise<readonly CaCertificate[]> {
  const rows = await db.selectFrom('authorities').selectAll().orderBy('key').execute();
  return rows.map(fromRow);
}

async function add(db: Transaction<Tables>, ca: CaCertificate): Promise<Result<CaCertificate, ServiceFault>> {
  const all = await allOf(db);
  const there = all.find((one) => one.key === ca.key);
  if (there !== undefined) {
    // Sent again, it stays as it is; vouched for meanwhile, it is verified from now on.
    if (Buffer.compare(there.der, ca.der) !== 0) return failed(serviceFault('exists', { what: nameOf(there.name) }));
    if (there.isVerified || !ca.isVerified) return ok(there);
    const verified = {
      ...there,
      isVerified: true,
      verificationCode: undefined,
      etag: ca.etag,
      updatedMs: ca.updatedMs,
    };
    await db.updateTable('authorities').set(rowOf(verified)).where('key', '=', ca.key).execute();
    return ok(verified);
  }
  if (all.length >= maxCaCertificates) {
    return failed(serviceFault('invalid', { reason: `At most ${maxCaCertificates} CA certificates can be kept.` }));
  }
  await db.insertInto('authorities').values(rowOf(ca)).execute();
  return ok(ca);
}

/** The CA certificates that an enrollment names; one that is not known or not verified is refused. */
export async function namedAuthorities(
  db: Transaction<Tables>,
  attestation: Attestation,
): Promise<Result<readonly CaCertificate[], ServiceFault>> {
  if (attestation.type !== 'caReferences') return ok([]);
  const known = await allOf(db);
  const named: CaCertificate[] = [];
  for (const name of [attestation.primary, attestation.secondary].filter((one) => one !== undefined)) {
    const ca = known.find((one) => one.key === keyOf(name));
    if (ca === undefined) return failed(serviceFault('invalid', { reason: `${nameOf(name)} is not known.` }));
    if (!ca.isVerified) return failed(serviceFault('invalid', { reason: `${nameOf(name)} is not verified yet.` }));
    if (!named.includes(ca)) named.push(ca);
  }
  return ok(named);
}

/** So that a CA certificate is not removed under an enrollment. */
export async function referAuthorities(
  db: Transaction<Tables>,
  { kind, key }: Enrollment,
  named: readonly CaCertificate[],
): Promise<void> {
  const values = named.map((ca) => ({ authority_key: ca.key, kind, enrollment_key: key }));
  if (values.length > 0) await db.insertInto('authority_references').values(values).execute();
}

function nameOf(name: string): string {
  return `The CA certificate ${name}`;
}

function rowOf(ca: CaCertificate): AuthorityRow {
  return {
    key: ca.key,
    name: ca.name,
    certificate: ca.der,
    is_verified: ca.isVerified ? 1 : 0,
    verification_code: ca.verificationCode ?? null,
    etag: ca.etag,
    created_ms: ca.createdMs,
    updated_ms: ca.updatedMs,
  };
}

function fromRow(row: AuthorityRow): CaCertificate {
  return {
    key: row.key,
    name: row.name,
    der: Uint8Array.from(row.certificate),
    isVerified: row.is_verified === 1,
    verificationCode: row.verification_code ?? undefined,
    etag: row.etag,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}
