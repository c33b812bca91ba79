/**
 * The CA certificates that groups and enrollments name, as a cloud's control plane keeps them (dps-wire 5.4). One is
 * named only after its owner has proven that the key is theirs, or an administrator has vouched for it.
 */
import type { Clock } from '../../lib/base/clock.ts';
import { isoTime } from '../../lib/base/host.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, must, ok, type Result } from '../../lib/base/result.ts';
import type { CaCertificateRequest, CaCertificateView, VerificationCodeView } from '../../lib/dps/control-client.ts';
import { wireTime } from '../../lib/dps/wire.ts';
import { certificateInfo, readCertificate, type Certificate } from '../../lib/x509/certificate.ts';
import { certificateFromPemOrBase64 } from '../../lib/x509/pem.ts';
import { isStrongSignature, signatureHolds } from '../../lib/x509/signature.ts';
import { mayIssue } from '../../lib/x509/authority.ts';
import { weaknessOf } from './attestation-form.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import type { Store } from './ports.ts';
import { keyOf, type CaCertificate } from './records.ts';

export interface CaDesk {
  list(): Promise<Result<readonly CaCertificateView[], ServiceFault>>;
  /** The same certificate under the same name may come again; another one may not take the name. */
  add(name: string, request: CaCertificateRequest): Promise<Result<CaCertificateView, ServiceFault>>;
  /** A new code; the one of before is worth nothing from now on. */
  code(name: string): Promise<Result<VerificationCodeView, ServiceFault>>;
  /** With a certificate whose common name is the code, signed by the CA's key. */
  verify(name: string, proof: string): Promise<Result<CaCertificateView, ServiceFault>>;
  remove(name: string): Promise<Result<void, ServiceFault>>;
}

export interface CaDeskParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

// dps-wire 0.1; as long as the real service's names.
const nameShape = /^[A-Za-z0-9._-]{1,64}$/;
// 48 digits, which fit into a common name (64 characters, X.520).
const codeBytes = 24;

export function createCaDesk(parts: CaDeskParts): CaDesk {
  const { store } = parts;
  const known = async (name: string): Promise<Result<CaCertificate, ServiceFault>> => {
    const all = await store.caCertificates();
    if (!all.ok) return all;
    const found = all.value.find((ca) => ca.key === keyOf(name));
    return found === undefined ? failed(serviceFault('not-found', { what: `The CA certificate ${name}` })) : ok(found);
  };
  const changed = (ca: CaCertificate, change: Partial<CaCertificate>): Promise<Result<CaCertificate, ServiceFault>> => {
    const etag = parts.random.uuid();
    return store.updateCaCertificate({ ...ca, ...change, etag, updatedMs: parts.clock.nowMs() }, ca.etag);
  };
  return {
    async list() {
      const all = await store.caCertificates();
      return all.ok ? ok(all.value.map(viewOf)) : all;
    },
    async add(name, request) {
      const certificate = readAuthority(parts, name, request.certificate);
      if (!certificate.ok) return certificate;
      const added = await store.addCaCertificate({
        key: keyOf(name),
        name,
        der: certificate.value.der,
        isVerified: request.isVerified ?? false,
        verificationCode: undefined,
        etag: parts.random.uuid(),
        createdMs: parts.clock.nowMs(),
        updatedMs: parts.clock.nowMs(),
      });
      return added.ok ? ok(viewOf(added.value)) : added;
    },
    async code(name) {
      const ca = await known(name);
      if (!ca.ok) return ca;
      const verificationCode = Buffer.from(parts.random.bytes(codeBytes)).toString('hex').toUpperCase();
      const done = await changed(ca.value, { verificationCode });
      return done.ok ? ok({ name: done.value.name, verificationCode }) : done;
    },
    async verify(name, proof) {
      const ca = await known(name);
      if (!ca.ok) return ca;
      const proven = checkPossession(parts, ca.value, proof);
      if (!proven.ok) return proven;
      const done = await changed(ca.value, { isVerified: true, verificationCode: undefined });
      return done.ok ? ok(viewOf(done.value)) : done;
    },
    remove: (name) => store.deleteCaCertificate(keyOf(name)),
  };
}

function readAuthority(parts: CaDeskParts, name: string, text: string): Result<Certificate, ServiceFault> {
  if (!nameShape.test(name)) return invalid('The name is not 1 to 64 letters, digits and - . _');
  const read = readText(text);
  if (!read.ok) return read;
  const certificate = read.value;
  if (!mayIssue(certificate)) return invalid(`The certificate ${certificate.subject} may not issue others.`);
  const weak = weaknessOf(certificate);
  if (weak !== undefined) return invalid(`The certificate ${certificate.subject} has ${weak}.`);
  if (parts.clock.nowMs() > certificate.notAfterMs)
    return invalid(`The certificate ${certificate.subject} has expired.`);
  return ok(certificate);
}

function readText(text: string): Result<Certificate, ServiceFault> {
  const der = certificateFromPemOrBase64(text);
  const read = der.ok ? readCertificate(der.value) : der;
  return read.ok ? read : failed(invalidBecause(read.fault));
}

/** dps-wire 5.4: whoever signed the code has the key. Nothing else of the proof is looked at but its time. */
function checkPossession(parts: CaDeskParts, ca: CaCertificate, text: string): Result<void, ServiceFault> {
  if (ca.verificationCode === undefined) return invalid('There is no verification code; have one made first.');
  const proof = readText(text);
  if (!proof.ok) return proof;
  const { commonNames, issuerDer, signed, notBeforeMs, notAfterMs } = proof.value;
  if (commonNames.length !== 1 || commonNames[0] !== ca.verificationCode) {
    return invalid('The common name of the proof is not the verification code.');
  }
  // It was read when it came in.
  const authority = must(readCertificate(ca.der));
  const isIssued = Buffer.compare(issuerDer, authority.subjectDer) === 0 && isStrongSignature(signed.algorithmOid);
  if (!isIssued || !signatureHolds(signed, authority.publicKey)) {
    return invalid('The proof is not signed by the key of the CA certificate.');
  }
  const nowMs = parts.clock.nowMs();
  return nowMs < notBeforeMs || nowMs > notAfterMs ? invalid('The proof is not valid now.') : ok();
}

function viewOf(ca: CaCertificate): CaCertificateView {
  // It was read when it came in.
  const info = must(certificateInfo(ca.der));
  return {
    name: ca.name,
    subject: info.subjectName,
    sha256Thumbprint: info.sha256Thumbprint,
    notAfterUtc: info.notAfterUtc,
    isVerified: ca.isVerified,
    createdDateTimeUtc: wireTime(isoTime(ca.createdMs)),
    lastUpdatedDateTimeUtc: wireTime(isoTime(ca.updatedMs)),
  };
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}
