/** What a simulated device shows: its requests' texts, and how it answers a TPM challenge. */
import { constants, createHmac, createPrivateKey, privateDecrypt, type KeyObject } from 'node:crypto';
import { objectName } from '../../src-main/lib/tpm/public-area.ts';
import { decryptCfb, kdfa } from '../../src-main/lib/tpm/protection.ts';
import { splitActivationBlob } from '../../src-main/lib/tpm/credential.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { systemClock } from '../../src-main/lib/base/host.ts';
import type { Load, LoadDevice, LoadTpm } from './service-load-types.ts';

export interface Credentials {
  readonly host: string;
  readonly idScope: string;
  readonly registrationId: string;
  readonly path: string;
  readonly body: string;
  /** A token of the device's own key; a TPM has none yet. */
  readonly authorization: string | undefined;
  /** Of a TPM, base64: AMQP takes them in its login. */
  readonly tpm: { readonly endorsementKey: string; readonly storageRootKey: string } | undefined;
  /** Of a TPM: the token out of the challenge. */
  readonly answer: (authenticationKey: string) => string;
}

export function credentialsFor(load: Load): (device: LoadDevice) => Credentials {
  const { host, idScope } = load;
  const tpm = load.tpm === undefined ? undefined : openedTpm(load.tpm);
  const expiresAtS = Math.floor(systemClock.nowMs() / 1_000) + 3_600;
  return ({ registrationId, key }) => {
    const resource = encodeURIComponent(`${idScope}/registrations/${registrationId}`);
    const token = (bytes: Uint8Array): string => sasToken(resource, expiresAtS, bytes);
    const keys = load.tpm && { endorsementKey: load.tpm.endorsementKey, storageRootKey: load.tpm.storageRootKey };
    return {
      host,
      idScope,
      registrationId,
      path: `/${idScope}/registrations/${registrationId}`,
      body: JSON.stringify({ registrationId, ...(keys === undefined ? {} : { tpm: keys }) }),
      authorization: key === undefined ? undefined : token(Buffer.from(key, 'base64')),
      tpm: keys,
      answer(authenticationKey) {
        if (tpm === undefined) throw new Error('a challenge for a device without a TPM');
        return token(tpm(Buffer.from(authenticationKey, 'base64')));
      },
    };
  };
}

function sasToken(resource: string, expiresAtS: number, key: Uint8Array): string {
  const signature = createHmac('sha256', key).update(`${resource}\n${expiresAtS}`).digest('base64');
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiresAtS}&skn=registration`;
}

/** dps-wire 4.5 backwards, without the checks a TPM makes: what is measured is the service. */
function openedTpm(tpm: LoadTpm): (blob: Uint8Array) => Uint8Array {
  const ek = createPrivateKey(tpm.endorsementKeyPem);
  const srk = createPrivateKey(tpm.storageRootKeyPem);
  const srkName = must(objectName(Buffer.from(tpm.storageRootKey, 'base64')));
  return (blob) => {
    const parts = must(splitActivationBlob(blob));
    const identity = opened(seedOf(ek, 'IDENTITY', parts.encryptedSecret), srkName, parts.idObject);
    const innerKey = identity.subarray(2);
    const keyName = must(objectName(parts.publicArea));
    const inner = opened(seedOf(srk, 'DUPLICATE', parts.encryptedSeed), keyName, parts.duplicate);
    // integrity (2 + 32), size and type (2 + 2), no auth (2), obfuscation (2 + 32), then the key (2 + 32)
    return decryptCfb(innerKey, inner).subarray(-32);
  };
}

function seedOf(key: KeyObject, label: string, encrypted: Uint8Array): Uint8Array {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const oaepLabel = Buffer.from(`${label}\0`);
  return privateDecrypt({ key, padding, oaepHash: 'sha256', oaepLabel }, encrypted.subarray(2));
}

/** TPM2B (2), integrity (2 + 32), then what is protected. */
function opened(seed: Uint8Array, name: Uint8Array, sizedArea: Uint8Array): Uint8Array {
  return decryptCfb(kdfa({ key: seed, label: 'STORAGE', contextU: name, bits: 128 }), sizedArea.subarray(36));
}
