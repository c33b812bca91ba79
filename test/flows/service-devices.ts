/** Devices of a test: one with a software TPM, ones with certificates. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSoftwareTpm } from '../../src-main/agent/tpm/software-tpm.ts';
import type { Clock } from '../../src-main/lib/base/clock.ts';
import { systemClock, systemRandom } from '../../src-main/lib/base/host.ts';
import { must, ok } from '../../src-main/lib/base/result.ts';
import type { DeviceIdentity } from '../../src-main/lib/dps/device-client.ts';
import type { IndividualEnrollment } from '../../src-main/lib/dps/wire.ts';
import { activateIdentityKey, hmacWithIdentityKey } from '../../src-main/lib/tpm/identity-key.ts';
import { readTpmIdentity } from '../../src-main/lib/tpm/identity.ts';
import { registrationIdFromEk } from '../../src-main/lib/tpm/registration-id.ts';
import { createTpm } from '../../src-main/lib/tpm/tpm.ts';
import { createAuthority, type Credential } from '../../src-main/lib/x509/authority.ts';
import { checkCsr, createCsr } from '../../src-main/lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../src-main/lib/x509/device-certificate.ts';
import { generateKey, privateKeyToPem } from '../../src-main/lib/x509/keys.ts';
import { certificatesToPem, toPem } from '../../src-main/lib/x509/pem.ts';
import type { CertificateDer } from '../../src-main/lib/x509/types.ts';

const parts = { clock: systemClock, random: systemRandom };

export async function openTpmDevice() {
  const folder = mkdtempSync(join(tmpdir(), 'benchline-tpm-'));
  const opened = must(await openSoftwareTpm({ stateFile: join(folder, 'tpm.json') }, systemClock));
  const tpm = createTpm(opened.transport, systemClock);
  const { ek, srk } = must(await readTpmIdentity(tpm));
  const registrationId = registrationIdFromEk(ek);
  const sign = (message: Uint8Array) => hmacWithIdentityKey(tpm, message);
  const activate = async (blob: Uint8Array) => {
    const activated = await activateIdentityKey(tpm, blob);
    return activated.ok ? ok(sign) : activated;
  };
  const identity: DeviceIdentity = { kind: 'tpm', registrationId, endorsementKey: ek, storageRootKey: srk, activate };
  const endorsementKey = Buffer.from(ek).toString('base64');
  const storageRootKey = Buffer.from(srk).toString('base64');
  return {
    registrationId,
    identity,
    sign,
    activate,
    endorsementKey,
    storageRootKey,
    enrollment: (more: Partial<IndividualEnrollment> = {}): IndividualEnrollment => ({
      registrationId,
      attestation: { type: 'tpm', tpm: { endorsementKey } },
      ...more,
    }),
    async close() {
      await opened.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type TpmDevice = Awaited<ReturnType<typeof openTpmDevice>>;

export interface AuthorityOptions {
  readonly issuer?: Credential;
  readonly pathLength?: number;
  /** When it is made. */
  readonly nowMs?: number;
}

export async function makeAuthority(commonName: string, options: AuthorityOptions = {}): Promise<Credential> {
  const { issuer, pathLength = 0, nowMs } = options;
  const plan = { commonName, algorithm: 'p256', validityDays: 30, pathLength } as const;
  return must(
    await createAuthority(issuer === undefined ? plan : { ...plan, issuer }, { ...parts, clock: clockAt(nowMs) }),
  );
}

function clockAt(nowMs: number | undefined): Clock {
  return nowMs === undefined ? systemClock : { ...systemClock, nowMs: () => nowMs };
}

export interface Leaf {
  readonly certificate: CertificateDer;
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
  readonly identity: DeviceIdentity;
}

const profile = {
  name: 'test',
  keyUsage: ['digitalSignature'],
  extendedKeyUsage: ['clientAuth'],
  allowedAlgorithms: ['p256'],
} as const;

/** `nowMs` moves the time at which it is issued; `send` is what the device presents above its leaf. */
export async function makeLeaf(
  registrationId: string,
  issuer: Credential,
  options: { readonly send?: readonly CertificateDer[]; readonly validityDays?: number; readonly nowMs?: number } = {},
): Promise<Leaf> {
  const pair = await generateKey('p256');
  const csr = must(await createCsr(registrationId, pair.key));
  const facts = must(checkCsr(csr, { expectedCommonName: registrationId }));
  const { nowMs, validityDays = 3 } = options;
  const issued = await issueDeviceCertificate(facts, { ...profile, validityDays }, issuer, {
    ...parts,
    clock: clockAt(nowMs),
  });
  const certificate = must(issued);
  const chain = [certificate, ...(options.send ?? [issuer.certificate])];
  const tls = { certificatePem: certificatesToPem(chain), privateKeyPem: privateKeyToPem(pair.privateKey) };
  return { certificate, tls, identity: { kind: 'x509', registrationId, tls } };
}

export function pemOf(certificate: CertificateDer): string {
  return toPem('CERTIFICATE', certificate);
}

export function groupOf(enrollmentGroupId: string, ...signers: readonly CertificateDer[]) {
  const [primary, secondary] = signers.map((certificate) => ({ certificate: pemOf(certificate) }));
  const signingCertificates = { ...(primary && { primary }), ...(secondary && { secondary }) };
  return { enrollmentGroupId, attestation: { type: 'x509' as const, x509: { signingCertificates } } };
}
