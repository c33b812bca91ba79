/** The device's end of the bench link: what a station may ask of this unit. */
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import type { AttestationKind, DeviceTraits, LinkDevice } from '../lib/link/index.ts';
import type { TpmTransport } from '../lib/tpm/types.ts';
import { createCsr } from '../lib/x509/csr.ts';
import { generateKey, signingKeyFromPkcs8 } from '../lib/x509/keys.ts';
import type { KeyAlgorithm, SigningKey } from '../lib/x509/types.ts';
import type { CredentialStore } from './credential-store.ts';
import { agentFault } from './faults.ts';
import type { FirstBoot } from './first-boot.ts';
import type { PlantedFaults } from './planted-faults.ts';

export interface DeviceParts {
  readonly serialNumber: string;
  readonly attestation: AttestationKind;
  readonly keyAlgorithms: readonly KeyAlgorithm[];
  readonly store: CredentialStore;
  readonly boot: FirstBoot;
  /** There for TPM attestation alone. */
  readonly tpm: TpmTransport | undefined;
  readonly faults: PlantedFaults;
}

/** What it says it is; stations show it and drivers may go by it. */
const model = 'benchline-agent';
export const firmware = '1.0.0';

export function createDevice(parts: DeviceParts): LinkDevice {
  const { store, boot, tpm, faults } = parts;
  return {
    info: () => traitsOf(parts),
    ...(tpm === undefined ? keyHandlers(parts) : { tpmTransmit: (command) => tpm.transmit(command) }),
    storeCertificates: (chain) => store.keepCertificates(chain),
    async certificates() {
      const held = await store.credential();
      if (!held.ok) return held;
      const chain = held.value?.chain ?? [];
      return ok(faults.certificateBit === true ? chain.map(withOneBitChanged) : chain);
    },
    storeSettings: (settings) => store.keepSettings(settings),
    settings: () => store.settings(),
    ...(tpm === undefined ? { retire: () => store.retire() } : {}),
    ...(faults.noLock === true ? {} : { lock: () => store.lock() }),
    boot: () => boot.start(),
    status: () => boot.status(),
  };
}

async function traitsOf({ store, faults, ...parts }: DeviceParts): Promise<DeviceTraits> {
  const [locked, held] = [await store.isLocked(), await store.credential()];
  const isX509 = parts.attestation === 'x509';
  return {
    model,
    firmware,
    attestations: [parts.attestation],
    keyAlgorithms: isX509 ? parts.keyAlgorithms : [],
    finishing: [...(isX509 ? (['retire'] as const) : []), ...(faults.noLock === true ? [] : (['lock'] as const))],
    // What cannot be read must not be written over.
    isLocked: !locked.ok || locked.value,
    holdsCredential: held.ok && held.value !== undefined,
    ...(faults.noSerial === true ? {} : { serialNumber: parts.serialNumber }),
  };
}

function keyHandlers(parts: DeviceParts): Pick<LinkDevice, 'generateKey' | 'createCsr'> {
  const { store, faults } = parts;
  return {
    async generateKey(requestId, algorithm) {
      if (!parts.keyAlgorithms.includes(algorithm)) return failed(agentFault('agent-key-refused', { algorithm }));
      const made = await store.madeKey();
      // The same request again, after a reply or the power was lost: the same key, or two would be in the world.
      if (made.ok && made.value?.requestId === requestId) return publicKeyOf(made.value.privateKey);
      const locked = await store.isLocked();
      if (!locked.ok || locked.value) return locked.ok ? failed(agentFault('agent-locked')) : locked;
      const { key, privateKey } = await generateKey(algorithm);
      const kept = await store.keepKey({ requestId, privateKey });
      return kept.ok ? ok(key.publicKey) : kept;
    },
    async createCsr(_requestId, subjectCommonName) {
      const made = await store.madeKey();
      if (!made.ok) return made;
      if (made.value === undefined) return failed(agentFault('agent-no-key'));
      const key = signingKeyFromPkcs8(made.value.privateKey);
      if (!key.ok) return key;
      return createCsr(faults.csrName ?? subjectCommonName, await asPlanted(key.value, faults));
    },
  };
}

function publicKeyOf(privateKey: Uint8Array): Result<Uint8Array> {
  const key = signingKeyFromPkcs8(privateKey);
  return key.ok ? ok(key.value.publicKey) : key;
}

async function asPlanted(key: SigningKey, faults: PlantedFaults): Promise<SigningKey> {
  if (faults.csrSignature !== true) return key;
  const other = await generateKey(key.algorithm);
  return { ...key, sign: (message) => other.key.sign(message) };
}

function withOneBitChanged(certificate: Uint8Array): Uint8Array {
  return certificate.map((byte, at) => (at === certificate.length - 1 ? byte ^ 1 : byte));
}
