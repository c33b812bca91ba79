/** The core's SignerVault: one file a signer in the data folder, for its owner alone; read at the start and held. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { readBoundedFile } from '../../lib/files/bounded-file.ts';
import { systemCodeOf, writeDurable } from '../../lib/files/durable-file.ts';
import { signingKeyFromPem } from '../../lib/x509/keys.ts';
import { certificatesFromPem, certificatesToPem } from '../../lib/x509/pem.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { EnrollmentKind } from '../core/records.ts';
import type { HeldSigner, SignerToKeep, SignerVault } from '../core/signer-vault.ts';

const kept = z.object({
  kind: z.enum(['individual', 'group']),
  key: z.string(),
  enrolledMs: z.number(),
  certificates: z.string(),
  privateKey: z.string(),
  validityDays: z.number(),
});

// A key and ten certificates are below 32 kB.
const maxFileBytes = 131_072;
// dps-wire 8.4 allows 200 groups; a thousand files are read within a second at the start.
const maxSigners = 1_000;

export async function openSignerFiles(folder: string): Promise<Result<SignerVault, ServiceFault>> {
  const signers = new Map<string, HeldSigner>();
  const guarded = async <T>(work: () => Promise<Result<T, ServiceFault>>): Promise<Result<T, ServiceFault>> => {
    try {
      return await work();
    } catch (error) {
      const cause = systemCodeOf(error);
      if (cause === undefined) throw error;
      return failed(
        serviceFault('store-failed', { reason: `the folder of the signers cannot be used (${cause}).`, cause }),
      );
    }
  };
  const read = await guarded(async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.json') || name.startsWith('.')) continue;
      const signer = await readSigner(join(folder, name));
      if (!signer.ok) return signer;
      signers.set(nameOf(signer.value.kind, signer.value.key), signer.value);
    }
    return ok();
  });
  if (!read.ok) return read;
  return ok({
    of: ({ kind, key, createdMs }) => {
      const signer = signers.get(nameOf(kind, key));
      return signer?.enrolledMs === createdMs ? signer : undefined;
    },
    all: () => [...signers.values()],
    keep: (signer) =>
      guarded(async () => {
        const name = nameOf(signer.kind, signer.key);
        if (signers.size >= maxSigners && !signers.has(name)) {
          return failed(serviceFault('invalid', { reason: `At most ${maxSigners} signers can be kept.` }));
        }
        await writeDurable(join(folder, name), textOf(signer));
        const { privateKeyPem: _gone, ...held } = signer;
        signers.set(name, held);
        return ok();
      }),
    remove: (kind, key) =>
      guarded(async () => {
        const name = nameOf(kind, key);
        await rm(join(folder, name), { force: true });
        return ok(signers.delete(name));
      }),
  });
}

/** An id may hold characters that a file name may not. */
function nameOf(kind: EnrollmentKind, key: string): string {
  return `${kind}-${createHash('sha256').update(key).digest('hex').slice(0, 40)}.json`;
}

function textOf({ kind, key, enrolledMs, chain, privateKeyPem, validityDays }: SignerToKeep): string {
  const certificates = certificatesToPem(chain);
  return JSON.stringify({ kind, key, enrolledMs, certificates, privateKey: privateKeyPem, validityDays });
}

async function readSigner(file: string): Promise<Result<HeldSigner, ServiceFault>> {
  const broken = failed(serviceFault('signer-file-broken', { file }));
  const bytes = await readBoundedFile(file, maxFileBytes);
  const signer = bytes.ok ? kept.safeParse(parsedJson(bytes.bytes)).data : undefined;
  if (signer === undefined) return broken;
  const signingKey = signingKeyFromPem(signer.privateKey);
  if (!signingKey.ok) return broken;
  const { kind, key, enrolledMs, certificates, validityDays } = signer;
  return ok({
    kind,
    key,
    enrolledMs,
    validityDays,
    chain: certificatesFromPem(certificates),
    signingKey: signingKey.value,
  });
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
