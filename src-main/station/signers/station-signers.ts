/** The signers that this station holds, and what may be told of them. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64 } from '../../lib/base/bytes.ts';
import { createLane } from '../../lib/base/lane.ts';
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
import { signerFrom } from './pkcs12-signer.ts';
import { type Pkcs12WorkerParts, readPkcs12Aside } from './pkcs12-worker.ts';
import type { Signer } from './signer.ts';

export interface SignerFile {
  /** PKCS#12. */
  readonly bytes: Uint8Array;
  readonly passphrase: string;
}

export interface StationSigners {
  list(): readonly SignerView[];
  /** The demonstration's signer where a batch names none. */
  forBatch(signerId: string | undefined): BatchSigner | undefined;
  deviceSigner(terms: BatchTerms): DeviceSigner | undefined;
  /** Holds the signer until the station stops. `admit` is asked first, with what will be held: its fault keeps it out. */
  open(file: SignerFile, admit: (view: SignerView) => Promise<Result<unknown>>): Promise<Result<SignerView>>;
}

export interface SignerParts extends Pkcs12WorkerParts {
  readonly random: Random;
}

// A line works with one or two; each is a key in memory.
const maxSigners = 16;
// Each opening costs a core for up to a minute; a person opens one after the other.
const maxWaitingOpenings = 4;

export async function openStationSigners(directory: string, parts: SignerParts): Promise<Result<StationSigners>> {
  const profile = parseCertificateProfile(deviceProfile);
  if (!profile.ok) return failed(profile.fault);
  const passphrase = await keptPassphrase(directory, parts.random);
  if (!passphrase.ok) return passphrase;
  const authority = await createDemonstrationAuthority({ directory, passphrase: passphrase.value }, parts);
  if (!authority.ok) return authority;
  return ok(signersOf(authority.value.signer, profile.value, parts));
}

function signersOf(demonstration: Signer, profile: CertificateProfile, parts: SignerParts): StationSigners {
  // By id: the same signer opened twice is held once.
  const held = new Map([[demonstration.id, demonstration]]);
  const openings = createLane(maxWaitingOpenings);
  const find = (signerId: string | undefined): Signer | undefined => held.get(signerId ?? demonstration.id);
  const viewOf = (signer: Signer): SignerView => signerView(signer, signer.id === demonstration.id);
  return Object.freeze({
    list: () => [...held.values()].map(viewOf),
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
    open: async (file, admit) => {
      const opening = openings.run(async (): Promise<Result<SignerView>> => {
        const content = await readPkcs12Aside(file, parts);
        const signer = content.ok ? signerFrom(content.value, parts.clock) : content;
        if (!signer.ok) return signer;
        const isNew = !held.has(signer.value.id);
        if (isNew && held.size >= maxSigners) return failed(signerFault('signer-too-many', { limit: maxSigners }));
        const view = viewOf(signer.value);
        const admitted = await admit(view);
        if (!admitted.ok) return admitted;
        if (isNew) held.set(signer.value.id, signer.value);
        return ok(view);
      });
      return opening ?? failed(signerFault('signer-busy'));
    },
  } satisfies StationSigners);
}

function signerView(signer: Signer, demonstration: boolean): SignerView {
  const read = readCertificate(signer.certificate);
  return {
    signerId: signer.id,
    commonName: signer.commonName,
    issuer: read.ok ? read.value.issuer : '',
    algorithm: signer.key.algorithm,
    sha256: signer.sha256,
    notAfterMs: signer.notAfterMs,
    demonstration,
  };
}

/**
 * The demonstration's keys are no secret of a customer's: their passphrase lies beside them, readable by their owner
 * only. Those of a production line lie nowhere: their signers are opened by hand, or from a file named at the start.
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
