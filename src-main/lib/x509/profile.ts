/** What a batch's device certificates look like: data from `resources/certificate-profiles`, checked at the border. */
import { z } from 'zod';
import { failed, ok } from '../base/result.ts';
import type { Result } from '../base/result.ts';
import { x509Fault } from './faults.ts';
import { ExtendedKeyUsage, KeyUsageFlags } from './peculiar.ts';
import { keyAlgorithms } from './types.ts';

export const keyUsages = {
  digitalSignature: KeyUsageFlags.digitalSignature,
  keyEncipherment: KeyUsageFlags.keyEncipherment,
  keyAgreement: KeyUsageFlags.keyAgreement,
} as const;

export const extendedKeyUsages = {
  clientAuth: ExtendedKeyUsage.clientAuth,
  serverAuth: ExtendedKeyUsage.serverAuth,
} as const;

type KeyUsageName = keyof typeof keyUsages;
type ExtendedKeyUsageName = keyof typeof extendedKeyUsages;

// A device lives 20 years at most; longer is a typing error in the profile.
const maxValidityDays = 7_305;

const profileSchema = z.strictObject({
  name: z.string().min(1).max(64),
  validityDays: z.int().min(1).max(maxValidityDays),
  keyUsage: z.array(z.enum(['digitalSignature', 'keyEncipherment', 'keyAgreement'])).min(1),
  extendedKeyUsage: z.array(z.enum(['clientAuth', 'serverAuth'])).min(1),
  allowedAlgorithms: z.array(z.enum(keyAlgorithms)).min(1),
});

export interface CertificateProfile {
  readonly name: string;
  readonly validityDays: number;
  readonly keyUsage: readonly KeyUsageName[];
  readonly extendedKeyUsage: readonly ExtendedKeyUsageName[];
  readonly allowedAlgorithms: readonly (typeof keyAlgorithms)[number][];
}

export function parseCertificateProfile(data: unknown): Result<CertificateProfile> {
  const parsed = profileSchema.safeParse(data);
  if (parsed.success) return ok(parsed.data);
  const where = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
  return failed(x509Fault('profile-malformed', { where }));
}
