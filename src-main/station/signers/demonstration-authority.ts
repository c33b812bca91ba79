/** The demonstration's own root and intermediate: made at the first start, kept as PKCS#12, opened again later. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, ok } from '../../lib/base/result.ts';
import type { Result } from '../../lib/base/result.ts';
import { systemCodeOf, writeDurable } from '../../lib/files/durable-file.ts';
import { createAuthority } from '../../lib/x509/authority.ts';
import type { AuthorityRequest } from '../../lib/x509/authority.ts';
import type { X509Parts } from '../../lib/x509/certificate-writer.ts';
import { signerFault } from './faults.ts';
import { openPkcs12Signer } from './pkcs12-signer.ts';
import { writePkcs12 } from './pkcs12-write.ts';
import type { Signer } from './signer.ts';

export interface DemonstrationRequest {
  /** Under the station's data folder; made when missing. */
  readonly directory: string;
  /** The station keeps it as one of its sealed secrets. */
  readonly passphrase: string;
}

export interface DemonstrationAuthority {
  readonly root: Signer;
  /** What batches sign with. Its chain ends at the root. */
  readonly signer: Signer;
  readonly wasMade: boolean;
}

const rootRequest: AuthorityRequest = {
  commonName: 'Benchline Demonstration Root',
  algorithm: 'p256',
  validityDays: 7_300,
  pathLength: 1,
};
const intermediateRequest: AuthorityRequest = {
  commonName: 'Benchline Demonstration Intermediate',
  algorithm: 'p256',
  validityDays: 7_300,
  pathLength: 0,
};

/** The root is on disk before the intermediate is made: after a crash between the two, the next start goes on from it. */
export async function createDemonstrationAuthority(
  request: DemonstrationRequest,
  parts: X509Parts,
): Promise<Result<DemonstrationAuthority>> {
  const root = await openOrMake('root.p12', rootRequest, request, parts);
  if (!root.ok) return root;
  const plan = { ...intermediateRequest, issuer: root.value.signer };
  const signer = await openOrMake('intermediate.p12', plan, request, parts);
  if (!signer.ok) return signer;
  return ok({ root: root.value.signer, signer: signer.value.signer, wasMade: signer.value.wasMade });
}

interface Kept {
  readonly signer: Signer;
  readonly wasMade: boolean;
}

async function openOrMake(
  fileName: string,
  plan: AuthorityRequest,
  request: DemonstrationRequest,
  parts: X509Parts,
): Promise<Result<Kept>> {
  const path = join(request.directory, fileName);
  try {
    const kept = await readIfThere(path);
    const bytes = kept ?? (await make(plan, request.passphrase, parts));
    if (!(bytes instanceof Uint8Array)) return bytes;
    if (kept === undefined) {
      await mkdir(request.directory, { recursive: true, mode: 0o700 });
      await writeDurable(path, bytes);
    }
    const opened = openPkcs12Signer(bytes, request.passphrase, parts.clock);
    return opened.ok ? ok({ signer: opened.value, wasMade: kept === undefined }) : opened;
  } catch (error) {
    return failed(signerFault('signer-folder-unusable', { reason: systemCode(error) }));
  }
}

async function make(plan: AuthorityRequest, passphrase: string, parts: X509Parts) {
  const made = await createAuthority(plan, parts);
  if (!made.ok) return made;
  const { privateKey, chain } = made.value;
  const bytes = await writePkcs12({ privateKey, chain, passphrase }, parts.random);
  privateKey.fill(0);
  return bytes;
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The system's short word for it (EACCES, ENOSPC); anything without one is a bug. */
function systemCode(error: unknown): string {
  const code = systemCodeOf(error);
  if (code === undefined) throw error;
  return code;
}
