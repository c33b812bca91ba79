/** The device's side: takes the HMAC key a service sent, keeps it in the TPM and signs with it (dps-wire section 4.6). */
import { ok, type Result } from '../base/result.ts';
import { wellKnown } from './constants.ts';
import { type ActivationElements, splitActivationBlob } from './credential.ts';
import { openCredential } from './endorsement.ts';
import { tpmFailed } from './faults.ts';
import { objectName } from './public-area.ts';
import type { Tpm } from './tpm.ts';

export interface IdentityKey {
  readonly handle: number;
  readonly name: Uint8Array;
}

// C and C# hard-code AES-128 for Import (dps-wire section 4.5, step 1).
const innerKeyBytes = 16;

/** Opens the blob, and replaces the key at 0x81000100 once the new one has been loaded. */
export async function activateIdentityKey(tpm: Tpm, blob: Uint8Array): Promise<Result<IdentityKey>> {
  const elements = splitActivationBlob(blob);
  if (!elements.ok) return elements;
  const { publicArea } = elements.value;
  const name = objectName(publicArea);
  if (!name.ok) return name;
  const privateArea = await importFromBlob(tpm, elements.value);
  if (!privateArea.ok) return privateArea;
  const loaded = await tpm.load(wellKnown.srkHandle, privateArea.value, publicArea);
  if (!loaded.ok) return loaded;
  try {
    const kept = await replacePersistent(tpm, loaded.value);
    return kept.ok ? ok({ handle: wellKnown.identityKeyHandle, name: name.value }) : kept;
  } finally {
    await tpm.flush(loaded.value);
  }
}

async function importFromBlob(tpm: Tpm, elements: ActivationElements): Promise<Result<Uint8Array>> {
  const innerKey = await openCredential(tpm, elements);
  if (!innerKey.ok) return innerKey;
  if (innerKey.value.length !== innerKeyBytes) return tpmFailed('tpm-blob-malformed', { what: 'inner key' });
  const { publicArea, duplicate, encryptedSeed } = elements;
  return tpm.importKey({
    parent: wellKnown.srkHandle,
    innerKey: innerKey.value,
    publicArea,
    duplicate,
    encryptedSeed,
  });
}

// The new key is already in the TPM when the old one goes: a bad blob never costs a working device its key.
async function replacePersistent(tpm: Tpm, loaded: number): Promise<Result<void>> {
  const handle = wellKnown.identityKeyHandle;
  const old = await tpm.evictControl(handle, handle);
  if (!old.ok && old.fault.code !== 'tpm-handle-absent') return old;
  return tpm.evictControl(loaded, handle);
}

/** HMAC-SHA256 over `data`, as the signature of a SAS token needs (dps-wire section 1.7). */
export function hmacWithIdentityKey(tpm: Tpm, data: Uint8Array): Promise<Result<Uint8Array>> {
  return tpm.hmac(wellKnown.identityKeyHandle, data);
}
