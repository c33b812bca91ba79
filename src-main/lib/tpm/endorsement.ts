/** Opens a protected credential with the EK and the SRK in the TPM, and leaves no session behind. */
import type { Result } from '../base/result.ts';
import { rh, wellKnown } from './constants.ts';
import type { ProtectedCredential } from './credential.ts';
import type { Tpm } from './tpm.ts';

/** The credential, when this TPM holds both keys it was made for (dps-wire section 4.6, step 1). */
export async function openCredential(tpm: Tpm, credential: ProtectedCredential): Promise<Result<Uint8Array>> {
  const session = await tpm.startPolicySession();
  if (!session.ok) return session;
  try {
    // PolicySecret(TPM_RH_ENDORSEMENT) is the policy of the TCG EK templates.
    const satisfied = await tpm.policySecret(rh.endorsement, session.value);
    if (!satisfied.ok) return satisfied;
    return await tpm.activateCredential({
      srkHandle: wellKnown.srkHandle,
      ekHandle: wellKnown.ekHandle,
      session: session.value,
      ...credential,
    });
  } finally {
    await tpm.flush(session.value);
  }
}
