/** The attestation of an enrollment, from the wire to ours and back (dps-wire 7.2). */
import { hash } from 'node:crypto';
import { fromBase64 } from '../../lib/base/bytes.ts';
import { failed, must, ok, type Result } from '../../lib/base/result.ts';
import { maxTpmPublicBytes, maxTpmPublicText, type AttestationMechanism } from '../../lib/dps/wire.ts';
import { certificateInfo, isSelfIssued, readCertificate, type Certificate } from '../../lib/x509/certificate.ts';
import { certificateFromPemOrBase64, toPem } from '../../lib/x509/pem.ts';
import { isStrongSignature } from '../../lib/x509/signature.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import type { Attestation, Enrollment, EnrollmentKind, HeldCertificate, KeySlot } from './records.ts';

export interface FormedAttestation {
  readonly attestation: Attestation;
  /** Keys that were not given and are made up here: those that are there already stay. */
  readonly keeps: readonly KeySlot[];
}

/** `freshKey` makes a key in base64. */
export function attestationFromWire(
  wire: AttestationMechanism,
  kind: EnrollmentKind,
  freshKey: () => string,
): Result<FormedAttestation, ServiceFault> {
  if (wire.type === 'symmetricKey') return keysFromWire(wire, freshKey);
  if (wire.type === 'none') return invalid(`The attestation type ${wire.type} is not served here.`);
  const attestation = wire.type === 'tpm' ? tpmFromWire(wire, kind) : x509FromWire(wire, kind);
  return attestation.ok ? ok({ attestation: attestation.value, keeps: [] }) : attestation;
}

const keySlots = ['primaryKey', 'secondaryKey'] as const;
// dps-wire 6.
const keyBytes = { least: 16, most: 64 };

function keysFromWire(wire: AttestationMechanism, freshKey: () => string): Result<FormedAttestation, ServiceFault> {
  const keys: Partial<Record<KeySlot, string>> = {};
  for (const slot of keySlots) {
    const given = wire.symmetricKey?.[slot] ?? '';
    if (given === '') continue;
    const length = fromBase64(given)?.length ?? 0;
    if (length < keyBytes.least || length > keyBytes.most) {
      return invalid(`The ${slot} is not ${keyBytes.least} to ${keyBytes.most} bytes in base64.`);
    }
    keys[slot] = given;
  }
  const { primaryKey = freshKey(), secondaryKey = freshKey() } = keys;
  const keeps = keySlots.filter((slot) => keys[slot] === undefined);
  return ok({ attestation: { type: 'symmetricKey', primaryKey, secondaryKey }, keeps });
}

function tpmFromWire(wire: AttestationMechanism, kind: EnrollmentKind): Result<Attestation, ServiceFault> {
  // dps-wire 4.3: a TPM is enrolled by itself.
  if (kind === 'group') return invalid('A group cannot attest by TPM.');
  const endorsementKey = wire.tpm?.endorsementKey ?? '';
  const storageRootKey = wire.tpm?.storageRootKey ?? undefined;
  if ([endorsementKey, storageRootKey].some((key) => key !== undefined && key.length > maxTpmPublicText)) {
    return invalid(`A key of a TPM is larger than ${maxTpmPublicBytes} bytes.`);
  }
  if (!isSizedWhole(endorsementKey)) return invalid('The endorsement key is not a TPM2B_PUBLIC in base64.');
  return ok({ type: 'tpm', endorsementKey, storageRootKey });
}

/** A TPM2B_PUBLIC says its own length (dps-wire 4.1). */
function isSizedWhole(text: string): boolean {
  const bytes = fromBase64(text) ?? new Uint8Array();
  return bytes.length >= 4 && ((bytes[0] ?? 0) << 8) + (bytes[1] ?? 0) === bytes.length - 2;
}

function x509FromWire(wire: AttestationMechanism, kind: EnrollmentKind): Result<Attestation, ServiceFault> {
  const references = referencesIn(wire);
  if (references !== undefined) return ok(references);
  const [primaryText, secondaryText] = certificateTexts(wire, kind);
  const primary = heldFromWire(primaryText, kind);
  if (!primary.ok) return primary;
  const secondary = heldFromWire(secondaryText, kind);
  if (!secondary.ok) return secondary;
  if (primary.value === undefined && secondary.value === undefined) {
    return invalid(`The ${kind === 'group' ? 'signing' : 'client'} certificate is missing.`);
  }
  return ok({ type: 'x509', primary: primary.value, secondary: secondary.value });
}

/** That they are known and verified is looked at where the enrollment is kept. */
function referencesIn({ x509 }: AttestationMechanism): Attestation | undefined {
  const { primary, secondary } = x509?.caReferences ?? {};
  // Some clients send empty texts for what is not there.
  const named = (name: string | null | undefined): string | undefined =>
    name === '' ? undefined : (name ?? undefined);
  if (named(primary) === undefined && named(secondary) === undefined) return undefined;
  return { type: 'caReferences', primary: named(primary), secondary: named(secondary) };
}

function certificateTexts(wire: AttestationMechanism, kind: EnrollmentKind): readonly [string, string] {
  const pair = kind === 'group' ? wire.x509?.signingCertificates : wire.x509?.clientCertificates;
  return [pair?.primary?.certificate ?? '', pair?.secondary?.certificate ?? ''];
}

function heldFromWire(text: string, kind: EnrollmentKind): Result<HeldCertificate | undefined, ServiceFault> {
  if (text === '') return ok(undefined);
  const der = certificateFromPemOrBase64(text);
  if (!der.ok) return failed(invalidBecause(der.fault));
  const read = readCertificate(der.value);
  if (!read.ok) return failed(invalidBecause(read.fault));
  if (kind === 'group' && !read.value.isAuthority) {
    return invalid(`The certificate ${read.value.subject} is not one of a certificate authority.`);
  }
  const weak = weaknessOf(read.value);
  if (weak !== undefined) return invalid(`The certificate ${read.value.subject} has ${weak}.`);
  return ok({ der: der.value, thumbprint: thumbprintOf(der.value) });
}

/** dps-wire 5.5: RSA from 2048 bits, the NIST curves, SHA-2. */
export function weaknessOf(certificate: Certificate): string | undefined {
  const { keyFacts, signed, isAuthority } = certificate;
  if (!keyFacts.isStrong) return `a weak key (${keyFacts.kind})`;
  // Whom one trusts by itself needs nobody's signature, not its own either.
  const isRoot = isAuthority && isSelfIssued(certificate);
  return isRoot || isStrongSignature(signed.algorithmOid) ? undefined : 'a weak signature';
}

/** SHA-256 in lower-case hexadecimal: how certificates are compared here. */
export function thumbprintOf(der: Uint8Array): string {
  return hash('sha256', der);
}

export function heldCertificates(attestation: Attestation): readonly HeldCertificate[] {
  if (attestation.type !== 'x509') return [];
  return [attestation.primary, attestation.secondary].filter((held) => held !== undefined);
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}

/** Certificates are shown by what they say, keys not at all; `revealed` adds both whole (dps-wire 7.2). */
export function attestationToWire(enrollment: Enrollment, show: 'hidden' | 'revealed'): Record<string, unknown> {
  const { attestation } = enrollment;
  if (attestation.type === 'tpm') {
    const { endorsementKey, storageRootKey } = attestation;
    return { type: 'tpm', tpm: { endorsementKey, ...present({ storageRootKey }) } };
  }
  if (attestation.type === 'symmetricKey') {
    const { primaryKey, secondaryKey } = attestation;
    // dps-wire 7.7: left out where they are hidden.
    return { type: 'symmetricKey', ...(show === 'revealed' ? { symmetricKey: { primaryKey, secondaryKey } } : {}) };
  }
  if (attestation.type === 'caReferences') {
    const { primary, secondary } = attestation;
    return { type: 'x509', x509: { caReferences: present({ primary, secondary }) } };
  }
  const shown = (held: HeldCertificate | undefined): unknown =>
    held && {
      ...(show === 'revealed' ? { certificate: toPem('CERTIFICATE', held.der) } : {}),
      // It was read when it was enrolled.
      info: must(certificateInfo(held.der)),
    };
  const pair = present({ primary: shown(attestation.primary), secondary: shown(attestation.secondary) });
  const member = enrollment.kind === 'group' ? 'signingCertificates' : 'clientCertificates';
  return { type: 'x509', x509: { [member]: pair } };
}

export function present(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** The same for the same keys and certificates; of keys their digest alone. A storage root key comes with each request. */
export function attestationId(attestation: Attestation): string {
  return hash('sha256', JSON.stringify([attestation.type, ...lastingOf(attestation)]));
}

function lastingOf(attestation: Attestation): readonly (string | null)[] {
  switch (attestation.type) {
    case 'tpm':
      return [attestation.endorsementKey];
    case 'x509':
      return [attestation.primary?.thumbprint ?? null, attestation.secondary?.thumbprint ?? null];
    case 'caReferences':
      return [attestation.primary ?? null, attestation.secondary ?? null];
    case 'symmetricKey':
      return [attestation.primaryKey, attestation.secondaryKey];
  }
}
