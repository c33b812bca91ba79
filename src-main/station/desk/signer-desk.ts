/** The signers' desk: opens a supervisor's own, and tells the audit chain who did. */
import { fromBase64 } from '../../lib/base/bytes.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { SignerView } from '../../contract/views.ts';
import { deskFault } from './faults.ts';
import type { DeskSigners, DeskStore } from './ports.ts';

export interface SignerDesk {
  readonly signers: DeskSigners;
  readonly store: Pick<DeskStore, 'appendEvent'>;
}

export async function openSignerCall(
  desk: SignerDesk,
  input: { readonly file: string; readonly passphrase: string },
  by: string,
): Promise<Result<{ signerId: string; signers: SignerView[] }>> {
  const bytes = fromBase64(input.file);
  if (bytes === undefined) return failed(deskFault('call-malformed', { name: 'signer.open', reason: 'not base64' }));
  const opened = await openSigner(desk, { bytes, passphrase: input.passphrase }, by);
  return opened.ok ? ok({ signerId: opened.value.signerId, signers: [...desk.signers.list()] }) : opened;
}

/** No signer is held of which the audit chain does not know. */
export function openSigner(
  { signers, store }: SignerDesk,
  file: { readonly bytes: Uint8Array; readonly passphrase: string },
  by: string,
): Promise<Result<SignerView>> {
  return signers.open(file, ({ signerId, commonName, issuer, sha256 }) =>
    store.appendEvent({ kind: 'signer.opened', actor: by, body: { signerId, commonName, issuer, sha256 } }),
  );
}
