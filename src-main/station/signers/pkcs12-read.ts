/** Opens PKCS#12 files (RFC 7292) of OpenSSL 3 and of older tools: PBES2 with AES, and PKCS#12 PBE with 3DES or RC2. */
import forge from 'node-forge';
import { failed, ok } from '../../lib/base/result.ts';
import type { Result } from '../../lib/base/result.ts';
import type { CertificateDer } from '../../lib/x509/types.ts';
import { signerFault } from './faults.ts';
import { iterationsOf } from './pkcs12-cost.ts';

/** One key and ten certificates are below 32 kB. */
export const maxFileBytes = 131_072;

// Three derivations (MAC, certificates, key) of the 600,000 iterations that OWASP asks for, and some to spare.
const maxIterations = 2_000_000;

export interface Pkcs12Content {
  /** PKCS#8 DER of each private key. */
  readonly privateKeys: readonly Uint8Array[];
  readonly certificates: readonly CertificateDer[];
}

type Bag = forge.pkcs12.Bag;

export function readPkcs12(bytes: Uint8Array, passphrase: string): Result<Pkcs12Content> {
  if (bytes.length > maxFileBytes) return failed(signerFault('signer-file-too-large', { limitBytes: maxFileBytes }));
  const outer = parseOuter(bytes);
  if (outer === undefined) return failed(signerFault('signer-file-malformed'));
  const iterations = iterationsOf(outer);
  if (iterations > maxIterations) {
    return failed(signerFault('signer-file-too-stretched', { iterations, limit: maxIterations }));
  }
  try {
    return ok(contentOf(openFile(outer, passphrase)));
  } catch (error) {
    return failed(signerFault(codeOf(error)));
  }
}

type Pkcs12File = forge.pkcs12.Pkcs12Pfx;

function openFile(outer: forge.asn1.Asn1, passphrase: string): Pkcs12File {
  try {
    return forge.pkcs12.pkcs12FromAsn1(outer, passphrase);
  } catch (error) {
    // The MAC takes the passphrase as UTF-16, PBES2 as UTF-8; forge gives both the same characters. So a passphrase with
    // umlauts passes the MAC and then opens nothing: once the MAC has held, it is laid aside and UTF-8 is tried.
    if (isAscii(passphrase) || isMacFailure(error) || !hasMac(outer)) throw error;
    const withoutMac = { ...outer, value: outer.value.slice(0, 2) };
    return forge.pkcs12.pkcs12FromAsn1(withoutMac, Buffer.from(passphrase).toString('latin1'));
  }
}

function contentOf(file: Pkcs12File): Pkcs12Content {
  const bags = file.safeContents.flatMap((safe) => safe.safeBags);
  return {
    privateKeys: bags.filter(isKeyBag).map(privateKeyOf),
    certificates: bags.filter((bag) => bag.type === forge.pki.oids['certBag']).map(certificateOf),
  };
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

function isMacFailure(error: unknown): boolean {
  return error instanceof Error && error.message.includes('MAC');
}

/** PFX ::= SEQUENCE { version, authSafe, macData OPTIONAL } */
function hasMac(outer: forge.asn1.Asn1): boolean {
  return outer.value.length > 2;
}

function parseOuter(bytes: Uint8Array): forge.asn1.Asn1 | undefined {
  try {
    return forge.asn1.fromDer(Buffer.from(bytes).toString('latin1'));
  } catch {
    return undefined;
  }
}

/** What forge says is read for its kind alone; it is not passed on. */
function codeOf(error: unknown) {
  const message = error instanceof Error ? error.message : '';
  if (/password|decrypt/i.test(message)) return 'signer-passphrase-wrong';
  if (/unsupported|not supported|unknown/i.test(message)) return 'signer-file-unsupported';
  return 'signer-file-malformed';
}

function isKeyBag(bag: Bag): boolean {
  return bag.type === forge.pki.oids['pkcs8ShroudedKeyBag'] || bag.type === forge.pki.oids['keyBag'];
}

/** forge knows RSA keys; every other kind it hands over as raw ASN.1 of the PrivateKeyInfo. */
function privateKeyOf(bag: Bag): Uint8Array {
  if (bag.key) return derOf(forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(bag.key)));
  return derOf(bag.asn1);
}

/** The same for certificates; of those it does know, the signed part is kept as it was read. */
function certificateOf(bag: Bag): CertificateDer {
  return derOf(bag.cert ? forge.pki.certificateToAsn1(bag.cert) : bag.asn1);
}

function derOf(value: forge.asn1.Asn1): Uint8Array {
  return new Uint8Array(Buffer.from(forge.asn1.toDer(value).getBytes(), 'latin1'));
}
