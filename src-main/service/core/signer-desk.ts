/** Where a signer is set for a group or a device: whoever it lets in may ask it for a certificate. */
import type { Clock } from '../../lib/base/clock.ts';
import { failed, must, ok, type Result } from '../../lib/base/result.ts';
import type { SignerRequest, SignerView } from '../../lib/dps/control-client.ts';
import { mayIssue } from '../../lib/x509/authority.ts';
import { certificateInfo, readCertificate } from '../../lib/x509/certificate.ts';
import { validateChain } from '../../lib/x509/chain.ts';
import { signingKeyFromPem } from '../../lib/x509/keys.ts';
import { certificatesFromPem } from '../../lib/x509/pem.ts';
import type { CertificateChain, SigningKey } from '../../lib/x509/types.ts';
import { invalidBecause, serviceFault, type ServiceFault } from './faults.ts';
import type { Store } from './ports.ts';
import { keyOf, type EnrollmentKind } from './records.ts';
import type { HeldSigner, SignerVault } from './signer-vault.ts';

export interface SignerDesk {
  list(): readonly SignerView[];
  set(kind: EnrollmentKind, id: string, request: SignerRequest): Promise<Result<SignerView, ServiceFault>>;
  remove(kind: EnrollmentKind, id: string): Promise<Result<void, ServiceFault>>;
}

export interface SignerDeskParts {
  readonly store: Store;
  readonly vault: SignerVault;
  readonly clock: Clock;
}

// Real hierarchies have two to four levels; devices get the whole of it.
const maxChain = 8;
const defaultValidityDays = 365;

export function createSignerDesk(parts: SignerDeskParts): SignerDesk {
  const { store, vault } = parts;
  return {
    list: () => vault.all().map(viewOf),
    async set(kind, id, request) {
      const enrollment = await store.enrollment(kind, keyOf(id));
      if (!enrollment.ok) return enrollment;
      if (enrollment.value === undefined) return failed(serviceFault('not-found', { what: `The enrollment ${id}` }));
      const issuer = issuerIn(parts, request);
      if (!issuer.ok) return issuer;
      const { key, createdMs } = enrollment.value;
      const validityDays = request.validityDays ?? defaultValidityDays;
      const signer = { kind, key, enrolledMs: createdMs, ...issuer.value, validityDays };
      const kept = await vault.keep({ ...signer, privateKeyPem: request.privateKey });
      if (!kept.ok) return kept;
      // Deleted while the file was written, it would leave a key that nobody asks for.
      const still = await store.enrollment(kind, key);
      if (still.ok && still.value?.createdMs === createdMs) return ok(viewOf(signer));
      const removed = await vault.remove(kind, key);
      if (!removed.ok) return removed;
      return still.ok ? failed(serviceFault('not-found', { what: `The enrollment ${id}` })) : still;
    },
    async remove(kind, id) {
      const removed = await vault.remove(kind, keyOf(id));
      if (!removed.ok) return removed;
      return removed.value ? ok() : failed(serviceFault('not-found', { what: `The signer of ${id}` }));
    },
  };
}

/** A CA that may issue now, with its key, below what came with it. */
function issuerIn(
  parts: SignerDeskParts,
  request: SignerRequest,
): Result<{ readonly chain: CertificateChain; readonly signingKey: SigningKey }, ServiceFault> {
  const [first, ...above] = certificatesFromPem(request.certificates);
  if (first === undefined || above.length >= maxChain) return invalid(`Give 1 to ${maxChain} certificates in PEM.`);
  const certificate = readCertificate(first);
  if (!certificate.ok) return failed(invalidBecause(certificate.fault));
  if (!mayIssue(certificate.value)) return invalid('The first certificate may not issue others.');
  const key = signingKeyFromPem(request.privateKey);
  if (!key.ok) return failed(invalidBecause(key.fault));
  if (Buffer.compare(key.value.publicKey, certificate.value.publicKey) !== 0) {
    return invalid('The private key is not that of the first certificate.');
  }
  const top = above.at(-1) ?? first;
  const question = {
    leaf: first,
    presented: above,
    anchors: [top],
    nowMs: parts.clock.nowMs(),
    leafIs: 'authority',
  } as const;
  const chain = validateChain(question);
  if (!chain.ok) return failed(invalidBecause(chain.fault));
  return ok({ chain: chain.value.path, signingKey: key.value });
}

function viewOf({ kind, key, chain, validityDays }: Omit<HeldSigner, 'enrolledMs'>): SignerView {
  const [first] = chain;
  if (first === undefined) throw new Error('a signer has a certificate');
  // It was read when it came in.
  const info = must(certificateInfo(first));
  const { subjectName: subject, sha256Thumbprint, notAfterUtc } = info;
  return { kind, id: key, subject, sha256Thumbprint, notAfterUtc, validityDays };
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}
