/** Batches and units as the station knows them, and the rules of what belongs together. */
import type { z } from 'zod';
import type { BatchTerms as BatchTermsSchema } from '../../contract/views.ts';

export type BatchId = string & { readonly brand: 'BatchId' };
export type UnitId = string & { readonly brand: 'UnitId' };
export type RunId = string & { readonly brand: 'RunId' };
export type SerialNumber = string & { readonly brand: 'SerialNumber' };
export type RegistrationId = string & { readonly brand: 'RegistrationId' };

/** What a unit proves itself with. */
export type Attestation = 'tpm' | 'x509';

export type BatchTerms = z.output<typeof BatchTermsSchema>;

export interface Batch {
  readonly batchId: BatchId;
  readonly state: 'open' | 'closed';
  readonly terms: BatchTerms;
  /** The service's enrollment group, for X.509 batches enrolled as a group. */
  readonly enrollmentGroupId?: string;
  readonly openedMs: number;
  readonly openedBy: string;
}
