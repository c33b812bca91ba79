/** A TPM as the provisioning SDK wants it. */
import { must, type Result } from '../../src-main/lib/base/result.ts';
import { activateIdentityKey, hmacWithIdentityKey } from '../../src-main/lib/tpm/identity-key.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import type { Tpm } from '../../src-main/lib/tpm/tpm.ts';

/** Ours, because azure-iot-security-tpm needs a package that does not install; it decides nothing. */
export async function tpmSecurity(tpm: Tpm) {
  const identity = must(await readTpmIdentity(tpm));
  const registrationId = registrationIdFromEk(identity.ek);
  const answer = <T>(work: Promise<Result<T>>, done: (error: Error, value?: T) => void): void => {
    void work.then((result) => {
      if (result.ok) done(null as unknown as Error, result.value);
      else done(new Error(result.fault.say));
    });
  };
  return {
    registrationId,
    endorsementKey: Buffer.from(identity.ek).toString('base64'),
    getEndorsementKey: (done: (error: Error, key?: Buffer) => void) =>
      done(null as unknown as Error, Buffer.from(identity.ek)),
    getStorageRootKey: (done: (error: Error, key?: Buffer) => void) =>
      done(null as unknown as Error, Buffer.from(identity.srk)),
    getRegistrationId: (done: (error: Error, id?: string) => void) => done(null as unknown as Error, registrationId),
    activateIdentityKey: (blob: Buffer, done: (error: Error) => void) =>
      answer(activateIdentityKey(tpm, new Uint8Array(blob)), (error) => done(error)),
    signWithIdentity: (text: Buffer, done: (error: Error, signature?: Buffer) => void) =>
      answer(hmacWithIdentityKey(tpm, new Uint8Array(text)), (error, signature) =>
        done(error, signature === undefined ? undefined : Buffer.from(signature)),
      ),
  };
}
