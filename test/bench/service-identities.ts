/** The devices of the service's benchmark, and what the service must know of them. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must } from '../../src-main/lib/base/result.ts';
import { activationBlob } from '../../src-main/lib/tpm/credential.ts';
import { ekPublic, srkPublic } from '../../src-main/lib/tpm/templates.ts';
import type { Credential } from '../../src-main/lib/x509/authority.ts';
import { checkCsr, createCsr } from '../../src-main/lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../src-main/lib/x509/device-certificate.ts';
import { generateKey, privateKeyToPem, signingKeyFromPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem } from '../../src-main/lib/x509/pem.ts';
import { makeAuthority } from '../flows/service-devices.ts';
import type { LoadDevice, LoadTpm } from './service-load-types.ts';

const parts = { clock: systemClock, random: systemRandom };

export interface Identities {
  readonly deviceKeyPem: string;
  readonly authority: Credential;
  readonly groupKey: Buffer;
  readonly tpm: LoadTpm;
  /** What the constant server says to a TPM. */
  readonly challenge: string;
}

const nameOf = (proof: string, at: number): string => `bench-${proof}-${String(at).padStart(6, '0')}`;

export async function makeIdentities(): Promise<Identities> {
  const { privateKey } = await generateKey('p256');
  const tpm = makeTpm();
  const blob = activationBlob({
    ek: Buffer.from(tpm.endorsementKey, 'base64'),
    srk: Buffer.from(tpm.storageRootKey, 'base64'),
    innerKey: systemRandom.bytes(16),
    hmacKey: systemRandom.bytes(32),
    obfuscation: systemRandom.bytes(32),
    credentialSeed: systemRandom.bytes(32),
    duplicateSeed: systemRandom.bytes(32),
    uri: 'benchline:registration',
  });
  return {
    deviceKeyPem: privateKeyToPem(privateKey),
    authority: await makeAuthority('Benchmark group'),
    groupKey: Buffer.from(systemRandom.bytes(64)),
    tpm,
    challenge: Buffer.from(must(blob)).toString('base64'),
  };
}

function makeTpm(): LoadTpm {
  const [ek, srk] = [rsaKey(), rsaKey()];
  return {
    endorsementKey: Buffer.from(ekPublic(ek.modulus)).toString('base64'),
    storageRootKey: Buffer.from(srkPublic(srk.modulus)).toString('base64'),
    endorsementKeyPem: ek.pem,
    storageRootKeyPem: srk.pem,
  };
}

function rsaKey(): { readonly pem: string; readonly modulus: Uint8Array } {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const { n = '' } = privateKey.export({ format: 'jwk' });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { pem, modulus: Uint8Array.from(Buffer.from(n, 'base64url')) };
}

/** Certificates of one key with a name each: making a key each would take the time, and the service does not compare. */
export async function x509Devices(own: Identities, count: number): Promise<readonly LoadDevice[]> {
  const pair = must(signingKeyFromPem(own.deviceKeyPem));
  const profile = {
    name: 'bench',
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['clientAuth'],
    allowedAlgorithms: ['p256'],
    validityDays: 3,
  } as const;
  const devices: LoadDevice[] = [];
  for (let at = 0; at < count; at += 1) {
    const registrationId = nameOf('x509', at);
    const csr = must(await createCsr(registrationId, pair));
    const facts = must(checkCsr(csr, { expectedCommonName: registrationId }));
    const certificate = must(await issueDeviceCertificate(facts, profile, own.authority, parts));
    devices.push({ registrationId, certificatePem: certificatesToPem([certificate, own.authority.certificate]) });
  }
  return devices;
}

export function symmetricDevices(own: Identities, count: number): readonly LoadDevice[] {
  return Array.from({ length: count }, (_, at) => {
    const registrationId = nameOf('symmetric', at);
    // dps-wire 6: a group's device signs with a key derived from its registration id.
    const key = createHmac('sha256', own.groupKey).update(registrationId).digest('base64');
    return { registrationId, key };
  });
}

export const tpmDevices = (count: number): readonly LoadDevice[] =>
  Array.from({ length: count }, (_, at) => ({ registrationId: nameOf('tpm', at) }));

export function keyGroup(enrollmentGroupId: string, groupKey: Buffer) {
  const key = groupKey.toString('base64');
  const symmetricKey = { primaryKey: key, secondaryKey: key };
  return { enrollmentGroupId, attestation: { type: 'symmetricKey' as const, symmetricKey } };
}
