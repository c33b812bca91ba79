/** What the general parser reads of a certificate, and whether ours reads the same. */
import { deepStrictEqual } from 'node:assert/strict';
import { ordinaryFields, type CertificateFields } from '../../src-main/lib/x509/certificate-fields.ts';
import { readCertificate } from '../../src-main/lib/x509/certificate.ts';
import { membersOf, readSequence } from '../../src-main/lib/x509/der.ts';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
} from '../../src-main/lib/x509/peculiar.ts';

/** By the general parser. */
export function factsOf(certificate: Uint8Array) {
  const general = new X509Certificate(Uint8Array.from(certificate));
  const constraints = general.getExtension(BasicConstraintsExtension);
  // both are lists of a kind of their own, and what is made of them too
  const purposes = general.getExtension(ExtendedKeyUsageExtension)?.usages;
  const extensions = Array.from(general.extensions);
  return {
    commonNames: general.subjectName.getField('CN'),
    serialNumber: general.serialNumber.toLowerCase(),
    notBeforeMs: general.notBefore.getTime(),
    notAfterMs: general.notAfter.getTime(),
    isAuthority: constraints?.ca ?? false,
    pathLength: constraints?.pathLength,
    keyUsage: general.getExtension(KeyUsagesExtension)?.usages,
    extendedKeyUsage: purposes && Array.from(purposes, String),
    subjectKeyId: general.getExtension(SubjectKeyIdentifierExtension)?.keyId.toLowerCase(),
    authorityKeyId: general.getExtension(AuthorityKeyIdentifierExtension)?.keyId?.toLowerCase(),
    criticalExtensions: extensions.filter((one) => one.critical).map((one) => one.type),
  };
}

/** By ours, straight from its DER; undefined when it leaves the certificate to the general parser. */
export function straightFields(certificate: Uint8Array): CertificateFields | undefined {
  const [body] = readSequence(certificate) ?? [];
  return body === undefined ? undefined : ordinaryFields(membersOf(body));
}

/** Throws when a certificate that is believed says one thing to ours and another to the general parser. */
export function compareReaders(bytes: Uint8Array): unknown {
  const read = readCertificate(bytes);
  if (!read.ok) return undefined;
  if (!read.value.keyFacts.isStrong) return read.value;
  const fields = straightFields(bytes);
  if (fields !== undefined) deepStrictEqual({ ...fields }, factsOf(bytes));
  return fields ?? read.value;
}
