/** One change of one enrollment, under its precondition, inside the caller's transaction. */
import { sql, type Transaction } from 'kysely';
import { failed, must, ok } from '../../lib/base/result.ts';
import { readCertificate } from '../../lib/x509/certificate.ts';
import { heldCertificates } from '../core/attestation-form.ts';
import { subjectHash } from '../core/certificate-proof.ts';
import { putOver } from '../core/enrollment-merge.ts';
import { serviceFault } from '../core/faults.ts';
import type { ChangeOutcome, EnrollmentChange, Precondition } from '../core/ports.ts';
import type { CaCertificate, Enrollment } from '../core/records.ts';
import { namedAuthorities, referAuthorities } from './ca-certificates.ts';
import { enrollmentFromRow, enrollmentToRow } from './rows.ts';
import type { Tables } from './schema.ts';

// dps-wire 8.4: 100 groups by certificate and 100 by key.
const maxGroupsOfOneProof = 100;

export async function changeEnrollment(db: Transaction<Tables>, change: EnrollmentChange): Promise<ChangeOutcome> {
  const { kind, key } = change.change === 'put' ? change.enrollment : change;
  const row = await db
    .selectFrom('enrollments')
    .selectAll()
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst();
  const held = row === undefined ? undefined : enrollmentFromRow(row);
  const refused = refusal(change.if, held, `The enrollment ${held?.id ?? key}`);
  if (refused !== undefined) return refused;
  if (change.change === 'put') return putEnrollment(db, held, putOver(held, change));
  if (held === undefined) return failed(serviceFault('not-found', { what: `The enrollment ${key}` }));
  await forget(db, held);
  return ok(undefined);
}

/** Nothing is written before all is judged: the other changes of the call are kept whatever becomes of this one. */
async function putEnrollment(
  db: Transaction<Tables>,
  held: Enrollment | undefined,
  enrollment: Enrollment,
): Promise<ChangeOutcome> {
  const isGroup = enrollment.kind === 'group';
  const full = isGroup ? await fullness(db, enrollment) : undefined;
  if (full !== undefined) return full;
  const named = await namedAuthorities(db, enrollment.attestation);
  if (!named.ok) return named;
  if (held !== undefined) await forget(db, held);
  await db.insertInto('enrollments').values(enrollmentToRow(enrollment)).execute();
  await referAuthorities(db, enrollment, named.value);
  if (isGroup) await indexSubjects(db, enrollment, named.value);
  return ok(enrollment);
}

/** The enrollment and all that is found by it. */
async function forget(db: Transaction<Tables>, { kind, key }: Enrollment): Promise<void> {
  if (kind === 'group') await db.deleteFrom('group_subjects').where('group_key', '=', key).execute();
  await db.deleteFrom('authority_references').where('kind', '=', kind).where('enrollment_key', '=', key).execute();
  await db.deleteFrom('enrollments').where('kind', '=', kind).where('key', '=', key).execute();
}

function refusal(condition: Precondition, held: Enrollment | undefined, what: string): ChangeOutcome | undefined {
  switch (condition.is) {
    case 'none':
      return undefined;
    case 'absent':
      return held === undefined ? undefined : failed(serviceFault('exists', { what }));
    case 'present':
      return held === undefined ? failed(serviceFault('not-found', { what })) : undefined;
    case 'etag':
      return held?.etag === condition.etag ? undefined : failed(serviceFault('etag-mismatch', { what }));
  }
}

async function fullness(db: Transaction<Tables>, group: Enrollment): Promise<ChangeOutcome | undefined> {
  const isByKey = group.attestation.type === 'symmetricKey';
  const types = isByKey ? ['symmetricKey'] : ['x509', 'caReferences'];
  const others = await db
    .selectFrom('enrollments')
    .select((rows) => rows.fn.countAll<number>().as('n'))
    // Literal: the index is of groups alone, and a bound value would not tell that it fits.
    .where(sql<boolean>`kind = 'group' AND attestation IN (${sql.join(types)}) AND key <> ${group.key}`)
    .executeTakeFirstOrThrow();
  if (others.n < maxGroupsOfOneProof) return undefined;
  const reason = `At most ${maxGroupsOfOneProof} groups can attest by ${isByKey ? 'key' : 'certificate'}.`;
  return failed(serviceFault('invalid', { reason }));
}

async function indexSubjects(
  db: Transaction<Tables>,
  { key, attestation }: Enrollment,
  named: readonly CaCertificate[],
): Promise<void> {
  const anchors = [...heldCertificates(attestation), ...named];
  // They were read when they came in.
  const hashes = new Set(anchors.map(({ der }) => subjectHash(must(readCertificate(der)).subjectDer)));
  if (hashes.size === 0) return;
  const values = [...hashes].map((subject_hash) => ({ subject_hash, group_key: key }));
  await db.insertInto('group_subjects').values(values).execute();
}
