/** The certificates of TPM vendors that stand behind endorsement certificates, from folders of files. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type Result, failed, ok } from '../lib/base/result.ts';
import { systemCodeOf } from '../lib/files/durable-file.ts';
import { readCertificate } from '../lib/x509/certificate.ts';
import { certificatesFromPem } from '../lib/x509/pem.ts';
import { stationFault } from './faults.ts';

const endings: ReadonlySet<string> = new Set(['.pem', '.crt', '.cer', '.der']);
// The public collections of all vendors' roots and intermediates have some 700 certificates of 1 to 2 kB.
const maxFiles = 1_024;
const maxCertificates = 2_048;
const maxFileBytes = 1_048_576;

export interface EkRootFolder {
  readonly path: string;
  /** One that nobody named may be missing. */
  readonly isOptional: boolean;
}

/** DER. A file that holds no certificate stops it: a root left out in silence would fail every unit of its vendor. */
export async function loadEkRoots(folders: readonly EkRootFolder[]): Promise<Result<readonly Uint8Array[]>> {
  const roots: Uint8Array[] = [];
  for (const folder of folders) {
    const files = await certificateFiles(folder);
    if (!files.ok) return files;
    for (const file of files.value) {
      const read = await certificatesIn(file);
      if (!read.ok) return read;
      roots.push(...read.value);
      if (roots.length > maxCertificates) return tooMany(folder.path, maxCertificates);
    }
  }
  return ok(roots);
}

async function certificateFiles({ path, isOptional }: EkRootFolder): Promise<Result<readonly string[]>> {
  try {
    const names = (await readdir(path)).filter((name) => endings.has(extname(name).toLowerCase())).sort();
    return names.length > maxFiles ? tooMany(path, maxFiles) : ok(names.map((name) => join(path, name)));
  } catch (error) {
    const reason = systemReason(error);
    if (isOptional && reason === 'ENOENT') return ok([]);
    return failed(stationFault('ek-roots-unreadable', { folder: path, reason }));
  }
}

async function certificatesIn(file: string): Promise<Result<readonly Uint8Array[]>> {
  const broken = (reason: string) => failed(stationFault('ek-root-broken', { file, reason }));
  try {
    if ((await stat(file)).size > maxFileBytes) return broken(`it is larger than ${maxFileBytes} bytes`);
    const bytes = new Uint8Array(await readFile(file));
    const text = Buffer.from(bytes).toString('latin1');
    const found = text.includes('-----BEGIN') ? certificatesFromPem(text) : [bytes];
    if (found.length === 0) return broken('it holds no certificate');
    return found.every((one) => readCertificate(one).ok) ? ok(found) : broken('it is not a certificate');
  } catch (error) {
    return broken(systemReason(error));
  }
}

function tooMany(folder: string, limit: number): Result<never> {
  return failed(stationFault('ek-roots-too-many', { folder, limit }));
}

function systemReason(error: unknown): string {
  const code = systemCodeOf(error);
  if (code === undefined) throw error;
  return code;
}
