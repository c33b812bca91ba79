/** The signers of enrollments: which CA issues the operational certificate that a device asks for when it registers. */
import type { Result } from '../../lib/base/result.ts';
import type { CertificateChain, SigningKey } from '../../lib/x509/types.ts';
import type { ServiceFault } from './faults.ts';
import type { Enrollment, EnrollmentKind } from './records.ts';

export interface HeldSigner {
  readonly kind: EnrollmentKind;
  /** The enrollment's key. */
  readonly key: string;
  /** The enrollment's birth: one that is made anew under the same id does not inherit a signer. */
  readonly enrolledMs: number;
  /** The issuing CA first, then what is above it. */
  readonly chain: CertificateChain;
  readonly signingKey: SigningKey;
  readonly validityDays: number;
}

/** What comes in and is kept; the key is in nobody's hands afterwards but the vault's. */
export interface SignerToKeep extends HeldSigner {
  /** In PEM, as it came: PKCS#8, PKCS#1 or SEC 1. */
  readonly privateKeyPem: string;
}

export interface SignerVault {
  of(enrollment: Pick<Enrollment, 'kind' | 'key' | 'createdMs'>): HeldSigner | undefined;
  all(): readonly HeldSigner[];
  keep(signer: SignerToKeep): Promise<Result<void, ServiceFault>>;
  /** False when there was none. */
  remove(kind: EnrollmentKind, key: string): Promise<Result<boolean, ServiceFault>>;
}
