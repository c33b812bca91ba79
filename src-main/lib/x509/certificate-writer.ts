/** Puts a certificate together and has it signed by a key that shows nothing but signatures. */
import { concatBytes, toHex, utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isoTime } from '../base/host.ts';
import type { Random } from '../base/random.ts';
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { der, derBitString, derUnsigned, tag } from './der.ts';
import { x509Fault } from './faults.ts';
import {
  AuthorityKeyIdentifierExtension,
  KeyUsagesExtension,
  Name,
  SubjectKeyIdentifierExtension,
} from './peculiar.ts';
import type { Extension, KeyUsageFlags } from './peculiar.ts';
import { subjectKeyIdentifier } from './public-key.ts';
import { signatureAlgorithmIdentifier } from './signature.ts';
import type { CertificateDer, SigningKey } from './types.ts';

/** What every maker of certificates is given. */
export interface X509Parts {
  readonly clock: Clock;
  readonly random: Random;
}

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export const dayMs = 86_400_000;
// A device, a bench PC and a server differ by some minutes; a certificate must not be "of the future" to any of them.
const backdateMs = 10 * 60_000;
// X.520 ub-common-name; the registration id is one (dps-wire 0.1).
const maxCommonName = 64;

/** From a little before now; times carry whole seconds only (RFC 5280 section 4.1.2.5). */
export function validityFrom(nowMs: number, days: number): Validity {
  const startMs = Math.floor(nowMs / 1000) * 1000;
  return { notBeforeMs: startMs - backdateMs, notAfterMs: startMs + days * dayMs };
}

/** A name of one common name. */
export function nameOf(commonName: string): Result<Uint8Array> {
  if (commonName.length === 0 || commonName.length > maxCommonName) return failed(x509Fault('name-refused'));
  return ok(new Uint8Array(new Name([{ CN: [commonName] }]).toArrayBuffer()));
}

export interface CertificateContent {
  readonly subjectDer: Uint8Array;
  readonly issuerDer: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly validity: Validity;
  /** Without the key identifiers, which are added here. */
  readonly extensions: readonly Extension[];
  /** The issuer's own subject key identifier; its key is hashed when the issuer certificate has none. */
  readonly authorityKeyId?: string;
}

export async function signCertificate(
  content: CertificateContent,
  key: SigningKey,
  random: Random,
): Promise<Result<CertificateDer>> {
  const identifier = signatureAlgorithmIdentifier(key.algorithm);
  const keyIds = [
    new SubjectKeyIdentifierExtension(toHex(subjectKeyIdentifier(content.publicKey))),
    new AuthorityKeyIdentifierExtension(content.authorityKeyId ?? toHex(subjectKeyIdentifier(key.publicKey))),
  ];
  const extensions = [...content.extensions, ...keyIds].map((extension) => new Uint8Array(extension.rawData));
  const toBeSigned = der(
    tag.sequence,
    der(tag.context0, derUnsigned(Uint8Array.of(2))),
    serialNumber(random),
    identifier,
    content.issuerDer,
    der(tag.sequence, time(content.validity.notBeforeMs), time(content.validity.notAfterMs)),
    content.subjectDer,
    content.publicKey,
    der(tag.context3, der(tag.sequence, ...extensions)),
  );
  const signature = await key.sign(toBeSigned);
  if (!signature.ok) return signature;
  return ok(der(tag.sequence, concatBytes(toBeSigned, identifier, derBitString(signature.value))));
}

/** One extension of several usages: the flags are distinct bits, so that their sum is their union (RFC 5280 4.2.1.3). */
export function keyUsageExtension(flags: readonly KeyUsageFlags[]): KeyUsagesExtension {
  const union: number = [...new Set<number>(flags)].reduce((sum, flag) => sum + flag, 0);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the library types a set of flags as one flag
  return new KeyUsagesExtension(union, true);
}

/** 128 random bits, positive, never zero (RFC 5280 section 4.1.2.2 allows 20 octets). */
function serialNumber(random: Random): Uint8Array {
  const bytes = random.bytes(16);
  return derUnsigned(bytes.some((byte) => byte !== 0) ? bytes : Uint8Array.of(1));
}

/** UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
function time(ms: number): Uint8Array {
  const digits = isoTime(ms)
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  return digits < '2050' ? der(tag.utcTime, utf8(digits.slice(2))) : der(tag.generalizedTime, utf8(digits));
}
