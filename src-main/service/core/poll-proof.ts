/**
 * A poll proves what the registration proved. A token's end is not looked at again: some clients use one token of 30 s
 * for the whole registration (dps-wire 1.7), and the operation's own life bounds it.
 */
import { fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { isSignedBy, type SasToken } from '../../lib/dps/sas.ts';
import { attestationId, thumbprintOf } from './attestation-form.ts';
import { deviceToken, refused, type DeviceClaim, type Proven } from './claim.ts';
import type { ServiceFault } from './faults.ts';
import { isSignedByKeyId } from './key-proof.ts';
import type { Store } from './ports.ts';
import { keyOf, type Operation, type Proof } from './records.ts';

/** What is kept of a proof: of a lasting key its digest alone. */
export function proofOf(attested: Proven): Proof {
  const by = attestationId(attested.enrollment.attestation);
  switch (attested.is) {
    case 'x509':
      return { kind: 'x509', attested: by, thumbprint: attested.thumbprint };
    case 'tpm':
      return { kind: 'tpm', attested: by, key: toBase64(attested.challenge.key) };
    case 'symmetricKey':
      return { kind: 'symmetricKey', attested: by, keyId: attested.keyId, signedId: attested.signedId };
  }
}

/** That the device is the one that registered, and may hear what became of it. */
export async function checkPoll(
  store: Store,
  operation: Operation,
  claim: DeviceClaim,
): Promise<Result<void, ServiceFault>> {
  let read: ReturnType<typeof enrollmentOf> | undefined;
  const enrollment: ReadEnrollment = () => (read ??= enrollmentOf(store, operation));
  const proven = await checkProof(operation, claim, enrollment);
  return proven.ok && operation.outcome?.status === 'assigned' ? isStillEnrolled(enrollment) : proven;
}

/** Once for both looks at it. */
type ReadEnrollment = () => ReturnType<typeof enrollmentOf>;

async function checkProof(
  operation: Operation,
  claim: DeviceClaim,
  enrollment: ReadEnrollment,
): Promise<Result<void, ServiceFault>> {
  const { proof } = operation;
  if (proof.kind === 'x509') {
    const [leaf] = claim.certificates;
    return leaf !== undefined && thumbprintOf(leaf) === proof.thumbprint
      ? ok()
      : refused('Unauthorized', 'other-certificate');
  }
  const token = deviceToken(claim.authorization ?? '', claim);
  if (!token.ok) return token;
  if (proof.kind === 'tpm') {
    const key = fromBase64(proof.key);
    return key !== undefined && isSignedBy(token.value, key) ? ok() : refused('Unauthorized', 'wrong-signature');
  }
  return checkKey(proof, token.value, enrollment);
}

async function checkKey(
  proof: Proof & { readonly kind: 'symmetricKey' },
  token: SasToken,
  enrollment: ReadEnrollment,
): Promise<Result<void, ServiceFault>> {
  const found = await enrollment();
  if (!found.ok) return found;
  if (found.value === undefined) return refused('Unauthorized', 'enrollment-gone');
  return isSignedByKeyId(token, found.value, proof) ? ok() : refused('Unauthorized', 'wrong-signature');
}

/**
 * Who is no longer let in is not told either where its device lives, nor given its key: a disabled entry keeps a device
 * out whatever it began before (dps-wire 5.3). What failed, or is under way and ends as a failure, is told as it is.
 */
async function isStillEnrolled(enrollment: ReadEnrollment): Promise<Result<void, ServiceFault>> {
  const found = await enrollment();
  if (!found.ok) return found;
  if (found.value === undefined) return refused('Unauthorized', 'enrollment-gone');
  return found.value.enabled ? ok() : refused('The enrollment is disabled', 'enrollment-disabled');
}

/**
 * Whether the device would be believed as it was: a person may have disabled or removed the enrollment since, or replaced
 * its key or certificate, or made a group anew under the same id. What else was changed in it is no matter. A device
 * that has an enrollment of its own by now is no group's.
 */
export async function isStillBelieved(store: Store, operation: Operation): Promise<Result<boolean, ServiceFault>> {
  const found = await enrollmentOf(store, operation);
  if (!found.ok) return found;
  const enrollment = found.value;
  if (enrollment?.enabled !== true) return ok(false);
  if (attestationId(enrollment.attestation) !== operation.proof.attested) return ok(false);
  if (operation.groupId === undefined) return ok(true);
  const own = await store.enrollment('individual', operation.registrationKey);
  return own.ok ? ok(own.value === undefined) : own;
}

function enrollmentOf(store: Store, { groupId, registrationKey }: Operation) {
  return groupId === undefined
    ? store.enrollment('individual', registrationKey)
    : store.enrollment('group', keyOf(groupId));
}
