/** A batch's signer as the bench sees it: checks requests, issues by profile, validates chains; the key stays inside. */
import type { Clock } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { readCertificate, sha256Thumbprint } from '../../lib/x509/certificate.ts';
import { validateChain } from '../../lib/x509/chain.ts';
import { checkCsr } from '../../lib/x509/csr.ts';
import { issueDeviceCertificate } from '../../lib/x509/device-certificate.ts';
import { x509Fault } from '../../lib/x509/faults.ts';
import type { CertificateProfile } from '../../lib/x509/profile.ts';
import { publicKeyHash } from '../../lib/x509/public-key.ts';
import type { CertificateDer, KeyAlgorithm, SigningKey } from '../../lib/x509/types.ts';
import type { DeviceSigner } from '../bench/ports.ts';

export interface SignerInCustody {
  readonly certificate: CertificateDer;
  readonly key: SigningKey;
}

export interface DeviceSignerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly profile: CertificateProfile;
  /** The one algorithm that the batch's terms ask for. */
  readonly keyAlgorithm: KeyAlgorithm;
}

export function createDeviceSigner(signer: SignerInCustody, parts: DeviceSignerParts): DeviceSigner {
  const expectation = (registrationId: string) => ({
    expectedCommonName: registrationId,
    allowedAlgorithms: [parts.keyAlgorithm],
  });
  return Object.freeze({
    // A root is known to who trusts it; between leaf and root the unit must send everything (dps-wire 5.3).
    chain: [signer.certificate],
    checkCsr: async (csr, registrationId) => {
      const facts = checkCsr(csr, expectation(registrationId));
      return facts.ok ? ok({ publicKeySha256: publicKeyHash(facts.value.publicKey) }) : facts;
    },
    issue: async (csr, registrationId) => {
      const facts = checkCsr(csr, expectation(registrationId));
      return facts.ok ? issueDeviceCertificate(facts.value, parts.profile, signer, parts) : facts;
    },
    validate: async (chain, registrationId) => validated(signer, chain, registrationId, parts.clock.nowMs()),
  } satisfies DeviceSigner);
}

/** The same signer, which issues nothing while a fault stands in the way (a clock that cannot date a certificate). */
export function withheldBy(signer: DeviceSigner, fault: () => Fault | undefined): DeviceSigner {
  return Object.freeze({
    ...signer,
    issue: async (csr, registrationId) => {
      const reason = fault();
      return reason === undefined ? signer.issue(csr, registrationId) : failed(reason);
    },
  } satisfies DeviceSigner);
}

function validated(
  signer: SignerInCustody,
  chain: readonly CertificateDer[],
  registrationId: string,
  nowMs: number,
): Result<{ sha256: string; publicKeySha256: string }> {
  const [leaf] = chain;
  if (leaf === undefined) return failed(x509Fault('certificate-malformed'));
  const path = validateChain({ leaf, presented: chain, anchors: [signer.certificate], nowMs });
  if (!path.ok) return path;
  const read = readCertificate(leaf);
  if (!read.ok) return read;
  const [found = ''] = read.value.commonNames;
  if (found !== registrationId) return failed(x509Fault('csr-name-mismatch', { found, expected: registrationId }));
  return ok({
    sha256: sha256Thumbprint(leaf).toLowerCase(),
    publicKeySha256: publicKeyHash(read.value.publicKey),
  });
}
