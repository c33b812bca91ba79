/** One X.509 certificate, read: the facts by which it is judged (RFC 5280 section 4). */
import { hash, type KeyObject } from 'node:crypto';
import { isoTime } from '../base/host.ts';
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { ordinaryFields } from './certificate-fields.ts';
import { bitStringBytes, membersOf, readSequence, tag } from './der.ts';
import { x509Fault } from './faults.ts';
import { textOfName } from './name-text.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
} from './peculiar.ts';
import { publicKeyFacts } from './public-key.ts';
import type { PublicKeyFacts } from './public-key.ts';
import { algorithmOid, verifyKeyOf } from './signature.ts';
import type { Signed } from './signature.ts';
import type { CertificateDer, CertificateInfo } from './types.ts';

/** The largest certificate seen in the field (an EK certificate with long policies) is below 4 kB. */
const maxCertificateBytes = 16_384;

export interface Certificate {
  readonly der: CertificateDer;
  /** RFC 4514 text. */
  readonly subject: string;
  readonly issuer: string;
  /** Subject and issuer as encoded: names are compared byte by byte. */
  readonly subjectDer: Uint8Array;
  readonly issuerDer: Uint8Array;
  /** Every common name, in order; a device certificate has exactly one. */
  readonly commonNames: readonly string[];
  /** Lower-case hexadecimal. */
  readonly serialNumber: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DER SubjectPublicKeyInfo, with what it says. */
  readonly publicKey: Uint8Array;
  readonly keyFacts: PublicKeyFacts;
  /** The public key as one that checks signatures, read when it first does: an issuer checks those of a whole line. */
  readonly verifyKey: () => KeyObject;
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
  /** KeyUsage bits as in `KeyUsageFlags`; undefined when the extension is absent. */
  readonly keyUsage: number | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  /** Object identifiers of its critical extensions. */
  readonly criticalExtensions: readonly string[];
  readonly signed: Signed;
}

/** Whole and well formed, or a fault: nothing may follow the certificate. Judges nothing else. */
export function readCertificate(bytes: CertificateDer): Result<Certificate> {
  if (bytes.length > maxCertificateBytes) {
    return failed(x509Fault('certificate-too-large', { limitBytes: maxCertificateBytes }));
  }
  try {
    const certificate = parsed(bytes);
    return certificate === undefined ? failed(x509Fault('certificate-malformed')) : ok(certificate);
  } catch {
    // The parser throws on any malformed member; what it says is of no use to anybody in the hall.
    return failed(x509Fault('certificate-malformed'));
  }
}

function parsed(bytes: CertificateDer): Certificate | undefined {
  const outer = outerParts(bytes);
  if (outer === undefined) return undefined;
  const { signed, members } = outer;
  // tbsCertificate: [0] version DEFAULT v1, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
  const base = members[0]?.tag === tag.context0 ? 1 : 0;
  const [issuer, subject, spki] = [members[base + 2], members[base + 4], members[base + 5]];
  if (issuer === undefined || subject === undefined || spki === undefined) return undefined;
  const keyFacts = publicKeyFacts(spki.raw);
  // RFC 5280 4.1.1.2: both algorithm identifiers must be the same.
  if (keyFacts === undefined || algorithmOid(members[base + 1]) !== signed.algorithmOid) return undefined;
  const names = { subjectDer: subject.raw, issuerDer: issuer.raw };
  const common = { der: bytes, ...names, publicKey: spki.raw, keyFacts, verifyKey: readOnce(spki.raw), signed };
  // A key of a rare kind may be broken in ways that its facts do not tell.
  const ordinary = keyFacts.isStrong ? ordinaryFields(members) : undefined;
  if (ordinary !== undefined) return withNames({ ...common, ...ordinary });
  const x509 = new X509Certificate(Uint8Array.from(bytes));
  return {
    ...common,
    subject: x509.subject,
    issuer: x509.issuer,
    commonNames: x509.subjectName.getField('CN'),
    serialNumber: x509.serialNumber.toLowerCase(),
    notBeforeMs: x509.notBefore.getTime(),
    notAfterMs: x509.notAfter.getTime(),
    ...extensionsOf(x509),
  };
}

function readOnce(spki: Uint8Array): () => KeyObject {
  let key: KeyObject | undefined;
  return () => (key ??= verifyKeyOf(spki));
}

/** Names as text are for people: made when somebody looks. */
function withNames(fields: Omit<Certificate, 'subject' | 'issuer'>): Certificate {
  return {
    ...fields,
    get subject() {
      return textOfName(fields.subjectDer);
    },
    get issuer() {
      return textOfName(fields.issuerDer);
    },
  };
}

function outerParts(bytes: Uint8Array) {
  const [tbs, algorithm, signatureValue, ...rest] = readSequence(bytes) ?? [];
  const signature = bitStringBytes(signatureValue);
  const oid = algorithmOid(algorithm);
  if (tbs === undefined || signature === undefined || oid === undefined || rest.length > 0) return undefined;
  return { members: membersOf(tbs), signed: { signed: tbs.raw, algorithmOid: oid, signature } };
}

function extensionsOf(x509: X509Certificate) {
  const types = x509.extensions.map((extension) => extension.type);
  // RFC 5280 4.2: no extension twice.
  if (new Set(types).size !== types.length) throw new Error('an extension appears twice');
  const constraints = x509.getExtension(BasicConstraintsExtension);
  return {
    isAuthority: constraints?.ca ?? false,
    pathLength: constraints?.pathLength,
    keyUsage: x509.getExtension(KeyUsagesExtension)?.usages,
    extendedKeyUsage: x509.getExtension(ExtendedKeyUsageExtension)?.usages.map(String),
    subjectKeyId: x509.getExtension(SubjectKeyIdentifierExtension)?.keyId.toLowerCase(),
    authorityKeyId: x509.getExtension(AuthorityKeyIdentifierExtension)?.keyId?.toLowerCase(),
    criticalExtensions: x509.extensions.filter((extension) => extension.critical).map((extension) => extension.type),
  };
}

/** Lower-case hexadecimal SHA-256 of the whole certificate. */
export function sha256Thumbprint(certificate: CertificateDer): string {
  return hash('sha256', certificate);
}

/** DPS `X509CertificateInfo` (dps-wire 1.5): all members, since one client takes none without the others. */
export function certificateInfo(
  bytes: CertificateDer,
  reader: (der: CertificateDer) => Result<Certificate> = readCertificate,
): Result<CertificateInfo> {
  const read = reader(bytes);
  if (!read.ok) return read;
  const certificate = read.value;
  return ok({
    subjectName: certificate.subject,
    sha1Thumbprint: hash('sha1', bytes).toUpperCase(),
    sha256Thumbprint: sha256Thumbprint(bytes).toUpperCase(),
    issuerName: certificate.issuer,
    notBeforeUtc: secondsIso(certificate.notBeforeMs),
    notAfterUtc: secondsIso(certificate.notAfterMs),
    serialNumber: certificate.serialNumber.toUpperCase(),
    version: 3,
  });
}

function secondsIso(ms: number): string {
  return `${isoTime(ms).slice(0, -'.000Z'.length)}Z`;
}

export function isSelfIssued(certificate: Certificate): boolean {
  return Buffer.compare(certificate.subjectDer, certificate.issuerDer) === 0;
}
