/** One change of one enrollment, under its precondition, inside the caller's transaction. */
import { sql, type Transaction } from 'kysely';
import { failed, must, ok } from '../../lib/base/result.ts';
import { readCertificate } from '../../lib/x509/certificate.ts';
import { heldCertificates } from '../core/attestation-form.ts';
import { subjectHash } from '../core/certificate-proof.ts';
import { putOver } from '../core/enrollment-merge.ts';
import { serviceFault } from '../core/faults.ts';
import type { ChangeOutcome, EnrollmentChange, Precondition } from '../core/ports.ts';
import type { Enrollment } from '../core/records.ts';
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
  if (kind === 'group') await db.deleteFrom('group_subjects').where('group_key', '=', key).execute();
  if (change.change === 'delete') {
    if (held === undefined) return failed(serviceFault('not-found', { what: `The enrollment ${key}` }));
    await db.deleteFrom('enrollments').where('kind', '=', kind).where('key', '=', key).execute();
    return ok(undefined);
  }
  const enrollment = putOver(held, change);
  const full = kind === 'group' ? await fullness(db, enrollment) : undefined;
  if (full !== undefined) return full;
  const values = enrollmentToRow(enrollment);
  await db
    .insertInto('enrollments')
    .values(values)
    .onConflict((conflict) => conflict.columns(['kind', 'key']).doUpdateSet(values))
    .execute();
  if (kind === 'group') await indexSubjects(db, enrollment);
  return ok(enrollment);
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

/** Counted before the group is there; one that is there already and stays of its kind does not count itself. */
async function fullness(db: Transaction<Tables>, group: Enrollment): Promise<ChangeOutcome | undefined> {
  const { type } = group.attestation;
  // Literal: the index is of groups alone, and a bound value would not tell that it fits.
  const others = await db
    .selectFrom('enrollments')
    .select((rows) => rows.fn.countAll<number>().as('n'))
    .where(sql<boolean>`kind = 'group' AND attestation = ${type} AND key <> ${group.key}`)
    .executeTakeFirstOrThrow();
  if (others.n < maxGroupsOfOneProof) return undefined;
  const reason = `At most ${maxGroupsOfOneProof} enrollment groups can attest by ${type}.`;
  return failed(serviceFault('invalid', { reason }));
}

async function indexSubjects(db: Transaction<Tables>, enrollment: Enrollment): Promise<void> {
  // They were read when the enrollment came in.
  const subjects = heldCertificates(enrollment.attestation).map((held) => must(readCertificate(held.der)).subjectDer);
  const hashes = new Set(subjects.map(subjectHash));
  if (hashes.size === 0) return;
  const values = [...hashes].map((subject_hash) => ({ subject_hash, group_key: enrollment.key }));
  await db.insertInto('group_subjects').values(values).execute();
}
