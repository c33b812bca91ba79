/** The signers that this station holds, and what may be told of them. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64 } from '../../lib/base/bytes.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { systemCodeOf, writeDurable } from '../../lib/files/durable-file.ts';
import { readCertificate } from '../../lib/x509/certificate.ts';
import { toPem } from '../../lib/x509/pem.ts';
import { type CertificateProfile, parseCertificateProfile } from '../../lib/x509/profile.ts';
import deviceProfile from '../../../resources/certificate-profiles/device.json' with { type: 'json' };
import type { SignerView } from '../../contract/views.ts';
import type { BatchTerms } from '../batches/model.ts';
import type { BatchSigner } from '../batches/terms.ts';
import type { DeviceSigner } from '../bench/ports.ts';
import { createDemonstrationAuthority } from './demonstration-authority.ts';
import { createDeviceSigner } from './device-signer.ts';
import { signerFault } from './faults.ts';
import type { Signer } from './signer.ts';

export interface StationSigners {
  list(): readonly SignerView[];
  /** The demonstration's signer where a batch names none. */
  forBatch(signerId: string | undefined): BatchSigner | undefined;
  deviceSigner(terms: BatchTerms): DeviceSigner | undefined;
}

export interface SignerParts {
  readonly clock: Clock;
  readonly random: Random;
}

export async function openStationSigners(directory: string, parts: SignerParts): Promise<Result<StationSigners>> {
  const profile = parseCertificateProfile(deviceProfile);
  if (!profile.ok) return failed(profile.fault);
  const passphrase = await keptPassphrase(directory, parts.random);
  if (!passphrase.ok) return passphrase;
  const authority = await createDemonstrationAuthority({ directory, passphrase: passphrase.value }, parts);
  if (!authority.ok) return authority;
  return ok(signersOf([authority.value.signer], profile.value, parts));
}

function signersOf(signers: readonly Signer[], profile: CertificateProfile, parts: SignerParts): StationSigners {
  const find = (signerId: string | undefined): Signer | undefined =>
    signerId === undefined ? signers[0] : signers.find((signer) => signer.id === signerId);
  return Object.freeze({
    list: () => signers.map(signerView),
    forBatch: (signerId) => {
      const signer = find(signerId);
      if (signer === undefined) return undefined;
      const { id, commonName, sha256, certificate } = signer;
      return { signerId: id, commonName, sha256, certificatePem: toPem('CERTIFICATE', certificate) };
    },
    deviceSigner: (terms) => {
      const signer = find(terms.signerId);
      if (signer === undefined) return undefined;
      return createDeviceSigner(signer, { ...parts, profile, keyAlgorithm: terms.keyAlgorithm });
    },
  } satisfies StationSigners);
}

function signerView(signer: Signer): SignerView {
  const read = readCertificate(signer.certificate);
  return {
    signerId: signer.id,
    commonName: signer.commonName,
    issuer: read.ok ? read.value.issuer : '',
    algorithm: signer.key.algorithm,
    sha256: signer.sha256,
    notAfterMs: signer.notAfterMs,
    demonstration: true,
  };
}

/**
 * The demonstration's keys are no secret of a customer's: their passphrase lies beside them, readable by their owner
 * only. Signers of a production line will ask for theirs.
 */
async function keptPassphrase(directory: string, random: Random): Promise<Result<string>> {
  const file = join(directory, 'demonstration.passphrase');
  try {
    const kept = await readFile(file, 'utf8').catch(unlessMissing);
    if (kept !== undefined && kept.trim() !== '') return ok(kept.trim());
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const made = toBase64(random.bytes(24));
    await writeDurable(file, `${made}\n`);
    return ok(made);
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return failed(signerFault('signer-folder-unusable', { reason }));
  }
}

function unlessMissing(error: unknown): undefined {
  if (systemCodeOf(error) !== 'ENOENT') throw error;
}
