/** A signer file and its passphrase as a headless station is told of them: by their paths. */
import { type FileHandle, open } from 'node:fs/promises';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { systemCodeOf } from '../../lib/files/durable-file.ts';
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
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(limitBytes + 1), 0, limitBytes + 1, null);
    if (bytesRead > limitBytes) return failed(signerFault('signer-file-unreadable', { file, reason: 'too large' }));
    return ok(new Uint8Array(buffer.subarray(0, bytesRead)));
  } catch (error) {
    const reason = systemCodeOf(error);
    if (reason === undefined) throw error;
    return failed(signerFault('signer-file-unreadable', { file, reason }));
  } finally {
    await handle?.close();
  }
}
