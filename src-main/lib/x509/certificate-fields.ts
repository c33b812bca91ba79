/**
 * The fields of an ordinary certificate, read straight from its DER: a service reads several for each registration, and
 * the general parser takes a hundred times as long. Undefined means only that it is not ordinary: then that one decides.
 */
import { fromUtf8, toHex } from '../base/bytes.ts';
import { timeOf } from '../base/host.ts';
import { readDer, readDerList, readOid, readSequence, tag, type Der } from './der.ts';

export interface CertificateFields {
  readonly commonNames: readonly string[];
  readonly serialNumber: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
  readonly keyUsage: number | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly criticalExtensions: readonly string[];
}

/** @param members of the tbsCertificate */
export function ordinaryFields(members: readonly Der[]): CertificateFields | undefined {
  const [version, serial, algorithm, issuer, validity, subject, key, last] = members;
  if (!isVersion3(version) || members.length !== 8) return undefined;
  if ([algorithm, key].some((item) => item?.tag !== tag.sequence) || last?.tag !== tag.context3) return undefined;
  const serialNumber = serialOf(serial);
  const times = timesOf(validity);
  const commonNames = commonNamesOf(subject);
  const extensions = extensionsOf(last);
  if (serialNumber === undefined || times === undefined || extensions === undefined) return undefined;
  if (commonNames === undefined || commonNamesOf(issuer) === undefined) return undefined;
  return { serialNumber, ...times, commonNames, ...extensions };
}

/** [0] EXPLICIT INTEGER 2 (RFC 5280 4.1.2.1). */
function isVersion3(item: Der | undefined): boolean {
  return item !== undefined && toHex(item.raw) === 'a003020102';
}

/** Positive, in its shortest form, at most 20 bytes (RFC 5280 4.1.2.2). */
function serialOf(item: Der | undefined): string | undefined {
  if (item?.tag !== tag.integer) return undefined;
  const { body } = item;
  const [first, second] = [body[0] ?? 0x80, body[1] ?? 0];
  if (body.length > 20 || first >= 0x80) return undefined;
  if (first !== 0) return toHex(body);
  return second >= 0x80 ? toHex(body.subarray(1)) : undefined;
}

function timesOf(item: Der | undefined) {
  const [notBefore, notAfter, ...more] = sequenceOf(item) ?? [];
  const [notBeforeMs, notAfterMs] = [msOf(notBefore), msOf(notAfter)];
  if (notBeforeMs === undefined || notAfterMs === undefined || more.length > 0) return undefined;
  return { notBeforeMs, notAfterMs };
}

/** RFC 5280 4.1.2.5: in UTC, with seconds, without fractions; two digits of a year from 50 are of the last century. */
function msOf(item: Der | undefined): number | undefined {
  if (item?.tag !== tag.utcTime && item?.tag !== tag.generalizedTime) return undefined;
  const text = fromUtf8(item.body) ?? '';
  const full = item.tag === tag.generalizedTime ? text : `${text < '5' ? '20' : '19'}${text}`;
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return iso === full ? undefined : timeOf(iso);
}

const commonName = '2.5.4.3';
const utf8String = 0x0c;
const printableString = 0x13;
const ia5String = 0x16;

/** Undefined when the name is not a sequence of sets of one attribute each, or a text is of a rare kind. */
function commonNamesOf(item: Der | undefined): readonly string[] | undefined {
  const names: string[] = [];
  for (const set of sequenceOf(item) ?? [undefined]) {
    const [attribute, ...others] = set?.tag === tag.set ? (readDerList(set.body) ?? []) : [];
    const [type, value, ...more] = sequenceOf(attribute) ?? [];
    const oid = readOid(type);
    const text = textOf(value);
    if (oid === undefined || text === undefined || others.length > 0 || more.length > 0) return undefined;
    if (oid === commonName) names.push(text);
  }
  return names;
}

function textOf(item: Der | undefined): string | undefined {
  if (item === undefined) return undefined;
  if (item.tag === utf8String) return fromUtf8(item.body);
  if (item.tag !== printableString && item.tag !== ia5String) return undefined;
  const { body } = item;
  return body.every((byte) => byte < 0x80) ? fromUtf8(body) : undefined;
}

interface Extension {
  readonly oid: string;
  readonly isCritical: boolean;
  /** What the OCTET STRING holds. */
  readonly value: Uint8Array;
}

const readHere = new Set(['2.5.29.14', '2.5.29.15', '2.5.29.19', '2.5.29.35', '2.5.29.37']);

function extensionsOf(item: Der) {
  const found = new Map<string, Extension>();
  for (const entry of sequenceOf(onlyOf(item.body)) ?? [undefined]) {
    const extension = extensionOf(entry);
    // What is not looked at here, the general parser still reads, and refuses when it is broken.
    if (extension === undefined || found.has(extension.oid) || !readHere.has(extension.oid)) return undefined;
    found.set(extension.oid, extension);
  }
  const constraints = constraintsOf(found.get('2.5.29.19'));
  const keyUsage = keyUsageOf(found.get('2.5.29.15'));
  const extendedKeyUsage = purposesOf(found.get('2.5.29.37'));
  const subjectKeyId = subjectKeyIdOf(found.get('2.5.29.14'));
  const authorityKeyId = authorityKeyIdOf(found.get('2.5.29.35'));
  if (constraints === 'odd' || keyUsage === 'odd' || extendedKeyUsage === 'odd') return undefined;
  if (subjectKeyId === 'odd' || authorityKeyId === 'odd') return undefined;
  const criticalExtensions = [...found.values()].filter((one) => one.isCritical).map((one) => one.oid);
  return { ...constraints, keyUsage, extendedKeyUsage, subjectKeyId, authorityKeyId, criticalExtensions };
}

/** OID, critical BOOLEAN DEFAULT FALSE (so only TRUE is written), OCTET STRING. */
function extensionOf(entry: Der | undefined): Extension | undefined {
  const parts = sequenceOf(entry) ?? [];
  const [type, second, third] = parts;
  const oid = readOid(type);
  const isCritical = parts.length === 3 && second !== undefined && toHex(second.raw) === '0101ff';
  const octets = isCritical ? third : second;
  if (oid === undefined || octets?.tag !== tag.octetString || parts.length !== (isCritical ? 3 : 2)) return undefined;
  return { oid, isCritical, value: octets.body };
}

/** `odd`: present, and not as it usually is. */
type OrOdd<T> = T | 'odd';

const noConstraints = { isAuthority: false, pathLength: undefined };

function constraintsOf(
  extension: Extension | undefined,
): OrOdd<{ readonly isAuthority: boolean; readonly pathLength: number | undefined }> {
  const members = extension === undefined ? [] : readSequence(extension.value);
  if (members === undefined) return 'odd';
  const [authority, length, ...more] = members;
  if (authority === undefined) return noConstraints;
  if (toHex(authority.raw) !== '0101ff' || more.length > 0) return 'odd';
  if (length === undefined) return { isAuthority: true, pathLength: undefined };
  const { body } = length;
  const pathLength = body[0] ?? 0x80;
  const isSmall = length.tag === tag.integer && body.length === 1 && pathLength < 0x80;
  return isSmall ? { isAuthority: true, pathLength } : 'odd';
}

/** BIT STRING: its first bit, the highest of the first byte, is 1, the second 2, the third 4, and so on. */
function keyUsageOf(extension: Extension | undefined): OrOdd<number | undefined> {
  if (extension === undefined) return undefined;
  const bits = onlyOf(extension.value);
  if (bits?.tag !== tag.bitString) return 'odd';
  const { body } = bits;
  const unused = body[0] ?? 8;
  if (unused > 7 || body.length < 2 || body.length > 3) return 'odd';
  let flags = 0;
  for (let bit = 0; bit < (body.length - 1) * 8 - unused; bit += 1) {
    if (((body[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) flags += 2 ** bit;
  }
  return flags;
}

function purposesOf(extension: Extension | undefined): OrOdd<readonly string[] | undefined> {
  if (extension === undefined) return undefined;
  const purposes = (readSequence(extension.value) ?? []).map(readOid);
  const known = purposes.filter((oid) => oid !== undefined);
  return known.length === purposes.length && known.length > 0 ? known : 'odd';
}

function subjectKeyIdOf(extension: Extension | undefined): OrOdd<string | undefined> {
  if (extension === undefined) return undefined;
  const id = onlyOf(extension.value);
  return id?.tag === tag.octetString ? toHex(id.body) : 'odd';
}

const keyIdentifier = 0x80; // [0] IMPLICIT OCTET STRING

function authorityKeyIdOf(extension: Extension | undefined): OrOdd<string | undefined> {
  if (extension === undefined) return undefined;
  const [id, ...more] = readSequence(extension.value) ?? [];
  return id?.tag === keyIdentifier && more.length === 0 ? toHex(id.body) : 'odd';
}

function sequenceOf(item: Der | undefined): readonly Der[] | undefined {
  return item?.tag === tag.sequence ? readDerList(item.body) : undefined;
}

/** The one value that is the whole of `bytes`. */
function onlyOf(bytes: Uint8Array): Der | undefined {
  const item = readDer(bytes);
  return item?.end === bytes.length ? item : undefined;
}
