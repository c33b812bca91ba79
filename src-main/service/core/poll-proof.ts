/**
 * A poll proves what the registration proved. A token's end is not looked at again: some clients use one token of 30 s
 * for the whole registration (dps-wire 1.7), and the operation's own life bounds it.
 */
import { fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import { isSignedBy, type SasToken } from '../../lib/dps/sas.ts';
import { thumbprintOf } from './attestation-form.ts';
import { deviceToken, refused, type DeviceClaim, type Proven } from './claim.ts';
import type { ServiceFault } from './faults.ts';
import { isSignedByKeyId } from './key-proof.ts';
import type { Store } from './ports.ts';
import { keyOf, type Operation, type Proof } from './records.ts';

/** What is kept of a proof: of a lasting key its digest alone. */
export function proofOf(attested: Proven): Proof {
  switch (attested.is) {
    case 'x509':
      return { kind: 'x509', thumbprint: attested.thumbprint };
    case 'tpm':
      return { kind: 'tpm', key: toBase64(attested.challenge.key) };
    case 'symmetricKey':
      return { kind: 'symmetricKey', keyId: attested.keyId, signedId: attested.signedId };
  }
}

/** That the device is the one that registered, and may hear what became of it. */
export async function checkPoll(
  store: Store,
  operation: Operation,
  claim: DeviceClaim,
): Promise<Result<void, ServiceFault>> {
  const proven = await checkProof(store, operation, claim);
  return proven.ok && operation.outcome?.status === 'assigned' ? isStillEnrolled(store, operation) : proven;
}

async function checkProof(store: Store, operation: Operation, claim: DeviceClaim): Promise<Result<void, ServiceFault>> {
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
  return checkKey(store, { ...operation, proof }, token.value);
}

async function checkKey(
  store: Store,
  operation: Operation & { readonly proof: Proof & { readonly kind: 'symmetricKey' } },
  token: SasToken,
): Promise<Result<void, ServiceFault>> {
  const found = await enrollmentOf(store, operation);
  if (!found.ok) return found;
  if (found.value === undefined) return refused('Unauthorized', 'enrollment-gone');
  return isSignedByKeyId(token, found.value, operation.proof) ? ok() : refused('Unauthorized', 'wrong-signature');
}

/**
 * Who is no longer let in is not told either where its device lives, nor given its key: a disabled entry keeps a device
 * out whatever it began before (dps-wire 5.3). What failed, or is under way and ends as a failure, is told as it is.
 */
async function isStillEnrolled(store: Store, operation: Operation): Promise<Result<void, ServiceFault>> {
  const found = await enrollmentOf(store, operation);
  if (!found.ok) return found;
  if (found.value === undefined) return refused('Unauthorized', 'enrollment-gone');
  return found.value.enabled ? ok() : refused('The enrollment is disabled', 'enrollment-disabled');
}

function enrollmentOf(store: Store, { groupId, registrationKey }: Operation) {
  return groupId === undefined
    ? store.enrollment('individual', registrationKey)
    : store.enrollment('group', keyOf(groupId));
}
