/**
 * The TLS authority of an installation, kept in a folder: made at first start, the same at every later one, shared by
 * the service and its hubs even when they start at the same time.
 */
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { faultMaker } from '../base/fault.ts';
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { makeDurable, systemCodeOf, writeDurable } from '../files/durable-file.ts';
import { createAuthority, createServerCertificate } from './authority.ts';
import type { Credential, Issuer } from './authority.ts';
import { readCertificate } from './certificate.ts';
import type { X509Parts } from './certificate-writer.ts';
import { dayMs } from './certificate-writer.ts';
import { privateKeyToPem, signingKeyFromPem } from './keys.ts';
import { certificatesFromPem, certificatesToPem } from './pem.ts';
import type { KeyAlgorithm } from './types.ts';

const tlsStoreFault = faultMaker({
  'tls-folder-unusable': {
    say: 'The folder {folder} for the TLS certificates cannot be used: {reason}.',
    hint: 'Check that this user may write there.',
  },
  'tls-file-damaged': {
    say: 'The TLS file {file} is not readable as a key with its certificate.',
    hint: 'Restore it from a backup; if you remove it, every device must be given the new CA.',
  },
});

/** What a TLS listener shows. */
export interface TlsCredential {
  /** The server's certificate, then its issuer's. */
  readonly certificatePem: string;
  /** PKCS#8. A secret. */
  readonly privateKeyPem: string;
}

/** What kinds of server key there are; what a service takes as `--tls-key`. */
export const tlsKeyKinds = ['rsa', 'p256'] as const;
export type TlsKeyKind = (typeof tlsKeyKinds)[number];

export interface TlsServerNames {
  /** Kebab-case: the name of its files. */
  readonly slug: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** RSA when left out: for the widest client support (dps-wire 5.1). */
  readonly key?: TlsKeyKind;
}

export interface TlsAuthority {
  /** The CA certificate alone, in PEM: to be given to whoever connects. */
  readonly caFile: string;
  readonly caPem: string;
  /** The kept certificate for these names; a new one when there is none, its names differ, or it soon ends. */
  serverCredential(names: TlsServerNames): Promise<Result<TlsCredential>>;
}

const authorityDays = 3_650;
// What operating systems accept of a server at most.
const serverDays = 825;
// A service runs for weeks without a restart; it renews at a start when less than this is left.
const renewBeforeMs = 60 * dayMs;

/** Files under `folder`: ca.pem, and with mode 0600 ca-key.pem and one file a server. */
export async function loadOrCreateTlsAuthority(folder: string, parts: X509Parts): Promise<Result<TlsAuthority>> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const kept = await keptOrMade(join(folder, 'ca-key.pem'), () => makeAuthority(parts));
    if (!kept.ok) return kept;
    const issuer = issuerOf(kept.value);
    if (!issuer.ok) return issuer;
    const caFile = join(folder, 'ca.pem');
    const caPem = certificatesToPem([issuer.value.certificate]);
    await replaceFile(caFile, caPem, 0o644);
    return ok({
      caFile,
      caPem,
      serverCredential: (names) =>
        serverCredential({ file: join(folder, `${names.slug}.pem`), names, issuer: issuer.value, parts }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    return failed(tlsStoreFault('tls-folder-unusable', { folder, reason }));
  }
}

async function makeAuthority(parts: X509Parts): Promise<Result<string>> {
  const request = { algorithm: 'rsa2048', validityDays: authorityDays, pathLength: 0 } as const;
  // The name tells two installations apart in a device's trust store.
  const commonName = `Benchline TLS ${parts.random.uuid().slice(0, 8)}`;
  const made = await createAuthority({ ...request, commonName }, parts);
  return made.ok ? ok(oneFile(made.value)) : made;
}

interface ServerRequest {
  readonly file: string;
  readonly names: TlsServerNames;
  readonly issuer: Issuer;
  readonly parts: X509Parts;
}

async function serverCredential(request: ServerRequest): Promise<Result<TlsCredential>> {
  const kept = await textOf(request.file);
  if (kept !== undefined && stillServes(kept, request)) return ok(splitFile(kept));
  const { names, issuer, parts } = request;
  const terms = { algorithm: keyAlgorithms[names.key ?? 'rsa'], validityDays: serverDays } as const;
  const made = await createServerCertificate({ ...names, ...terms }, issuer, parts);
  if (!made.ok) return made;
  await replaceFile(request.file, oneFile(made.value), 0o600);
  return ok(splitFile(oneFile(made.value)));
}

const keyAlgorithms = { rsa: 'rsa2048', p256: 'p256' } as const satisfies Record<TlsKeyKind, KeyAlgorithm>;

function stillServes(text: string, request: ServerRequest): boolean {
  const [leaf, issuer] = certificatesFromPem(text);
  const read = leaf === undefined ? undefined : readCertificate(leaf);
  if (leaf === undefined || issuer === undefined || read?.ok !== true) return false;
  if (Buffer.compare(issuer, request.issuer.certificate) !== 0) return false;
  if (read.value.keyFacts.algorithm !== keyAlgorithms[request.names.key ?? 'rsa']) return false;
  if (read.value.notAfterMs - request.parts.clock.nowMs() < renewBeforeMs) return false;
  const certificate = new X509Certificate(leaf);
  return (
    request.names.dnsNames.every((name) => certificate.checkHost(name) !== undefined) &&
    request.names.ipAddresses.every((address) => certificate.checkIP(address) !== undefined)
  );
}

/** Key and certificates in one file, so that they cannot part. */
function oneFile(credential: Credential): string {
  return privateKeyToPem(credential.privateKey) + certificatesToPem(credential.chain);
}

function splitFile(text: string): TlsCredential {
  return {
    certificatePem: certificatesToPem(certificatesFromPem(text)),
    privateKeyPem: /-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----\n?/.exec(text)?.[0] ?? '',
  };
}

function issuerOf(kept: { readonly file: string; readonly text: string }): Result<Issuer> {
  const [certificate] = certificatesFromPem(kept.text);
  const key = signingKeyFromPem(splitFile(kept.text).privateKeyPem);
  if (certificate === undefined || !key.ok) return failed(tlsStoreFault('tls-file-damaged', { file: kept.file }));
  return ok({ certificate, key: key.value });
}

/** Whoever links its file first wins; the others take what is there. */
async function keptOrMade(
  file: string,
  make: () => Promise<Result<string>>,
): Promise<Result<{ readonly file: string; readonly text: string }>> {
  const kept = await textOf(file);
  if (kept !== undefined) return ok({ file, text: kept });
  const made = await make();
  if (!made.ok) return made;
  await makeDurable(file, made.value);
  return ok({ file, text: (await textOf(file)) ?? made.value });
}

async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  if ((await textOf(file)) !== text) await writeDurable(file, text, { mode, isShared: true });
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
