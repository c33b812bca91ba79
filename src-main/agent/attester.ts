/** How the unit proves who it is, to the provisioning service and then to its hub. */
import type { Clock } from '../lib/base/clock.ts';
import { failed, ok } from '../lib/base/result.ts';
import type { Result } from '../lib/base/result.ts';
import type { DeviceAssignment, DeviceIdentity } from '../lib/dps/device-client.ts';
import { createSasToken } from '../lib/dps/sas.ts';
import type { SasSigner } from '../lib/dps/sas.ts';
import { activateIdentityKey, hmacWithIdentityKey } from '../lib/tpm/identity-key.ts';
import { readTpmIdentity } from '../lib/tpm/identity.ts';
import { createTpm } from '../lib/tpm/tpm.ts';
import type { Tpm } from '../lib/tpm/tpm.ts';
import type { TpmTransport } from '../lib/tpm/types.ts';
import { privateKeyToPem } from '../lib/x509/keys.ts';
import { certificatesToPem } from '../lib/x509/pem.ts';
import type { CredentialStore } from './credential-store.ts';
import { agentFault } from './faults.ts';
import type { HubTarget } from './hub-connection.ts';

export interface Attester {
  /** Whether everything but the settings is there. */
  isReady(): Promise<boolean>;
  identity(registrationId: string): Promise<Result<DeviceIdentity>>;
  /** Takes over what came with the assignment; once for each registration. */
  accept(assignment: DeviceAssignment): Promise<Result<void>>;
  /** Fresh for every connection. */
  hubProof(assignment: DeviceAssignment): Promise<Result<HubTarget['proof']>>;
}

/** dps-wire 10.2: the SDKs' hub tokens live an hour; the hub drops the connection then, and a new token is made. */
const tokenLifeS = 3_600;

export function tpmAttester(transport: TpmTransport, clock: Clock): Attester {
  const tpm = createTpm(transport, clock);
  return {
    isReady: () => Promise.resolve(true),
    async identity(registrationId) {
      const read = await readTpmIdentity(tpm);
      if (!read.ok) return read;
      return ok({
        kind: 'tpm',
        registrationId,
        endorsementKey: read.value.ek,
        storageRootKey: read.value.srk,
        activate: (blob) => activate(tpm, blob),
      });
    },
    async accept({ hubKeyBlob }) {
      if (hubKeyBlob === undefined) return failed(agentFault('agent-nothing-written'));
      const activated = await activate(tpm, hubKeyBlob);
      return activated.ok ? ok() : activated;
    },
    async hubProof({ assignedHub, deviceId }) {
      const resource = `${assignedHub}/devices/${deviceId}`;
      const expiresAtS = Math.floor(clock.nowMs() / 1_000) + tokenLifeS;
      const token = await createSasToken({ resource, expiresAtS }, signerOf(tpm));
      return token.ok ? ok({ kind: 'sas', token: token.value }) : token;
    },
  };
}

/** dps-wire 4.6: the key goes into the TPM, and signs there. */
async function activate(tpm: Tpm, blob: Uint8Array): Promise<Result<SasSigner>> {
  const activated = await activateIdentityKey(tpm, blob);
  return activated.ok ? ok(signerOf(tpm)) : activated;
}

function signerOf(tpm: Tpm): SasSigner {
  return (message) => hmacWithIdentityKey(tpm, message);
}

export function x509Attester(store: CredentialStore): Attester {
  const pems = async () => {
    const held = await store.credential();
    if (!held.ok) return held;
    if (held.value === undefined) return failed(agentFault('agent-nothing-written'));
    const { chain, privateKey } = held.value;
    return ok({ certificatePem: certificatesToPem(chain), privateKeyPem: privateKeyToPem(privateKey) });
  };
  return {
    async isReady() {
      const held = await store.credential();
      return held.ok && held.value !== undefined;
    },
    async identity(registrationId) {
      const tls = await pems();
      return tls.ok ? ok({ kind: 'x509', registrationId, tls: tls.value }) : tls;
    },
    accept: () => Promise.resolve(ok()),
    async hubProof() {
      const tls = await pems();
      return tls.ok ? ok({ kind: 'x509', ...tls.value }) : tls;
    },
  };
}
