/** Batches and units of the store's suites, as values: also for processes that are no test. */
import type { Batch, BatchTerms, RegistrationId, RunId, SerialNumber } from '../../src-main/station/batches/model.ts';
import type { BatchSigner } from '../../src-main/station/batches/terms.ts';
import type { IdentityClaim, PassRecord } from '../../src-main/station/bench/ports.ts';

export const startMs = 1_800_000_000_000;

export const signer: BatchSigner = {
  signerId: 'signer-1',
  commonName: 'Line 7 Issuing CA',
  sha256: 'ab'.repeat(32),
  certificatePem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
};

export function someTerms(change: Partial<BatchTerms> = {}): BatchTerms {
  return {
    name: 'Batch A',
    product: 'Sensor 7',
    quantity: 100,
    attestation: 'mixed',
    enrollmentKind: 'individual',
    keyAlgorithm: 'p256',
    deviceIdTemplate: 'dev-{serialNumber}',
    serialPattern: 'SN[0-9]{1,8}',
    ekCertificatePolicy: 'none',
    deviceProfile: 'bench-link',
    ...change,
  };
}

const serial = (text: string): SerialNumber => text as SerialNumber;
export const run = (text: string): RunId => text as RunId;

/** A run id and a serial number that belong together. */
export function startOf(batch: Batch, serialNumber: string, runId = `run-${serialNumber}`, startedMs = startMs) {
  return { runId: run(runId), batch, slot: 1, serialNumber: serial(serialNumber), operator: 'Toni', startedMs };
}

export function tpmPass(serialNumber: string, endedMs = startMs): PassRecord {
  return {
    attestation: 'tpm',
    registrationId: `reg-${serialNumber.toLowerCase()}` as RegistrationId,
    endedMs,
    endorsementKey: 'ATo=',
    storageRootKey: 'ATs=',
    fingerprint: `ek-${serialNumber}`,
    facts: { model: 'S7', firmware: '1.2', attestations: ['tpm'] },
    phaseMs: { connect: 100, commit: 5 },
  };
}

export function x509Pass(serialNumber: string, endedMs = startMs): PassRecord {
  return {
    attestation: 'x509',
    registrationId: serialNumber.toLowerCase() as RegistrationId,
    endedMs,
    certificateChain: `-----BEGIN CERTIFICATE-----\nLEAF${serialNumber}\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nCA\n-----END CERTIFICATE-----\n`,
    fingerprint: `leaf-${serialNumber}`,
    facts: { model: 'S7', firmware: '1.2', attestations: ['x509'] },
    phaseMs: { connect: 100 },
  };
}

export function claimsOf(record: PassRecord): readonly IdentityClaim[] {
  return [
    { kind: record.attestation === 'tpm' ? 'ek' : 'public-key', value: record.fingerprint },
    { kind: 'registration-id', value: record.registrationId },
  ];
}
