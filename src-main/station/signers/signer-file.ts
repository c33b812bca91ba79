/** A signer file and its passphrase as a headless station is told of them: by their paths. */
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { readBoundedFile } from '../../lib/files/bounded-file.ts';
import { signerFault } from './faults.ts';
import { maxFileBytes } from './pkcs12-read.ts';
import type { SignerFile } from './station-signers.ts';

// As much as the screen takes, in UTF-8, and a line end.
const maxPassphraseBytes = 4_096;

export async function readSignerFile(file: string, passphraseFile: string): Promise<Result<SignerFile>> {
  const bytes = await bounded(file, maxFileBytes);
  if (!bytes.ok) return bytes;
  const text = await bounded(passphraseFile, maxPassphraseBytes);
  if (!text.ok) return text;
  // Editors and `echo` end the line; a blank at its end may be part of the passphrase.
  const [passphrase = ''] = Buffer.from(text.value).toString('utf8').split(/\r?\n/, 1);
  return ok({ bytes: bytes.value, passphrase });
}

async function bounded(file: string, limitBytes: number): Promise<Result<Uint8Array>> {
  const read = await readBoundedFile(file, limitBytes);
  return read.ok ? ok(read.bytes) : failed(signerFault('signer-file-unreadable', { file, reason: read.reason }));
}
