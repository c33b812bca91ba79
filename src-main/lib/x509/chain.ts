/**
 * Finds and judges the path from a leaf to a trusted certificate (RFC 5280 section 6, without policies and names).
 * What a peer presented is a set: its order is not looked at (dps-wire 5.1).
 */
import { isoTime } from '../base/host.ts';
import { failed, ok } from '../base/result.ts';
import type { Failed, Result } from '../base/result.ts';
import { hasKeyUsage } from './authority.ts';
import { isSelfIssued, readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import type { CertificateReader } from './certificate-reader.ts';
import { x509Fault } from './faults.ts';
import { ExtendedKeyUsage, KeyUsageFlags } from './peculiar.ts';
import { isStrongSignature, signatureHolds } from './signature.ts';
import type { CertificateChain, CertificateDer } from './types.ts';

/** Real hierarchies have two to four levels. */
const maxDepth = 10;
/** What a TLS peer may bring; more is a way to keep a server busy. */
const maxPresented = 32;
/** Signature checks for one leaf: crossed hierarchies could otherwise be searched for ever. */
const maxSignatureChecks = 64;

// basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, certificatePolicies (any policy will do here)
const knownExtensions = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.17', '2.5.29.32']);
const anyExtendedKeyUsage = '2.5.29.37.0';

export interface ChainQuestion {
  readonly leaf: CertificateDer;
  /** Everything the peer presented; the leaf may be among it, and so may certificates that do not matter. */
  readonly presented: readonly CertificateDer[];
  /** What is trusted: roots, or intermediates that end the path as they are. */
  readonly anchors: readonly CertificateDer[];
  readonly nowMs: number;
  /** `authority` when the leaf asked about is itself a CA certificate, as of a signer. */
  readonly leafIs?: 'device' | 'authority' | 'endorsement-key';
  /** One that remembers, for whoever asks about many leaves of the same issuers. */
  readonly read?: CertificateReader;
}

export interface ChainAnswer {
  /** The leaf first, the anchor last. */
  readonly path: CertificateChain;
}

interface Search {
  readonly question: ChainQuestion;
  readonly candidates: readonly Certificate[];
  readonly anchors: readonly Certificate[];
  checksLeft: number;
}

export function validateChain(question: ChainQuestion): Result<ChainAnswer> {
  if (question.presented.length > maxPresented) {
    return failed(x509Fault('chain-too-many', { limit: maxPresented }));
  }
  const { read = readCertificate } = question;
  const leaf = read(question.leaf);
  if (!leaf.ok) return leaf;
  const anchors = readAll(question.anchors, read);
  if (!anchors.ok) return anchors;
  const presented = readAll(question.presented, read);
  if (!presented.ok) return presented;
  const candidates = withoutRepeats([...anchors.value, ...presented.value]);
  const judged = judgeLeaf(leaf.value, question);
  if (!judged.ok) return judged;
  const search: Search = { question, candidates, anchors: anchors.value, checksLeft: maxSignatureChecks };
  const path = extend([leaf.value], search);
  return path.ok ? ok({ path: path.value.map((certificate) => certificate.der) }) : path;
}

function readAll(items: readonly CertificateDer[], readOne: CertificateReader): Result<readonly Certificate[]> {
  const certificates: Certificate[] = [];
  for (const item of items) {
    const read = readOne(item);
    if (!read.ok) return read;
    certificates.push(read.value);
  }
  return ok(certificates);
}

function withoutRepeats(certificates: readonly Certificate[]): readonly Certificate[] {
  return certificates.filter((one, at) => certificates.findIndex((other) => isSame(one, other)) === at);
}

function isSame(left: Certificate, right: Certificate): boolean {
  return Buffer.compare(left.der, right.der) === 0;
}

function judgeLeaf(leaf: Certificate, question: ChainQuestion): Result<void> {
  const kind = question.leafIs ?? 'device';
  const base = judgeCertificate(leaf, question);
  if (!base.ok) return base;
  if (kind === 'authority') {
    return leaf.isAuthority ? ok() : failed(x509Fault('chain-issuer-not-authority', { name: leaf.subject }));
  }
  if (leaf.isAuthority) return failed(x509Fault('chain-leaf-is-authority', { name: leaf.subject }));
  const usages = leaf.extendedKeyUsage;
  const fits =
    usages === undefined || usages.includes(ExtendedKeyUsage.clientAuth) || usages.includes(anyExtendedKeyUsage);
  return kind === 'device' && !fits ? failed(x509Fault('chain-leaf-purpose', { name: leaf.subject })) : ok();
}

/** What every certificate of a path must meet, whatever its place. */
function judgeCertificate(certificate: Certificate, question: ChainQuestion): Result<void> {
  const { kind, isStrong } = certificate.keyFacts;
  if (!isStrong) return failed(x509Fault('key-refused', { kind }));
  const unknown = certificate.criticalExtensions.find((extension) => !knownExtensions.has(extension));
  if (unknown !== undefined) {
    return failed(x509Fault('chain-critical-extension', { name: certificate.subject, extension: unknown }));
  }
  if (question.nowMs < certificate.notBeforeMs) {
    return failed(
      x509Fault('chain-not-yet-valid', { name: certificate.subject, at: isoTime(certificate.notBeforeMs) }),
    );
  }
  // notAfter itself is still inside (RFC 5280 section 4.1.2.5).
  if (question.nowMs >= certificate.notAfterMs + 1000) {
    return failed(x509Fault('chain-expired', { name: certificate.subject, at: isoTime(certificate.notAfterMs) }));
  }
  return ok();
}

/** Depth first: ends at an anchor, or gives the first fault that says more than that an issuer is missing. */
function extend(path: readonly Certificate[], search: Search): Result<readonly Certificate[]> {
  const last = path.at(-1);
  if (last === undefined) throw new Error('a path has a leaf');
  if (search.anchors.some((anchor) => isSame(anchor, last))) return ok(path);
  if (path.length >= maxDepth) return failed(x509Fault('chain-too-deep', { limit: maxDepth }));
  const named = search.candidates.filter((candidate) => isNamedIssuer(candidate, last));
  const issuers = named.filter((candidate) => !path.some((passed) => isSame(passed, candidate)));
  if (issuers.length === 0 && named.length > 0 && !isSelfIssued(last)) return failed(x509Fault('chain-loop'));
  let worst: Failed | undefined;
  for (const issuer of issuers) {
    const judged = judgeIssuer(issuer, path, search);
    const found = judged.ok ? extend([...path, issuer], search) : judged;
    if (found.ok) return found;
    if (isVague(worst)) worst = found;
  }
  return worst ?? failed(x509Fault('chain-incomplete', { name: last.subject, issuer: last.issuer }));
}

function isVague(fault: Failed | undefined): boolean {
  return fault === undefined || fault.fault.code === 'chain-incomplete';
}

function isNamedIssuer(candidate: Certificate, subject: Certificate): boolean {
  if (Buffer.compare(candidate.subjectDer, subject.issuerDer) !== 0) return false;
  const { authorityKeyId } = subject;
  return (
    authorityKeyId === undefined || candidate.subjectKeyId === undefined || candidate.subjectKeyId === authorityKeyId
  );
}

function judgeIssuer(issuer: Certificate, path: readonly Certificate[], search: Search): Result<void> {
  const subject = path.at(-1);
  if (subject === undefined) throw new Error('a path has a leaf');
  if (!issuer.isAuthority) return failed(x509Fault('chain-issuer-not-authority', { name: issuer.subject }));
  if (!hasKeyUsage(issuer, KeyUsageFlags.keyCertSign)) {
    return failed(x509Fault('chain-key-usage', { name: issuer.subject }));
  }
  // Self-issued certificates do not count (RFC 5280 section 6.1.4 (l)); neither does the leaf.
  const between = path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  const below = search.question.leafIs === 'authority' ? between + 1 : between;
  if (issuer.pathLength !== undefined && below > issuer.pathLength) {
    return failed(x509Fault('chain-path-length', { name: issuer.subject }));
  }
  const judged = judgeCertificate(issuer, search.question);
  if (!judged.ok) return judged;
  if (!isStrongSignature(subject.signed.algorithmOid)) {
    return failed(x509Fault('hash-refused', { algorithm: subject.signed.algorithmOid }));
  }
  search.checksLeft -= 1;
  if (search.checksLeft < 0) return failed(x509Fault('chain-too-many', { limit: maxSignatureChecks }));
  return signatureHolds(subject.signed, issuer.publicKey, issuer.verifyKey)
    ? ok()
    : failed(x509Fault('chain-signature-wrong', { name: subject.subject }));
}
