/** What an enrollment becomes when one of its id is there already. */
import type { EnrollmentChange } from './ports.ts';
import type { Enrollment } from './records.ts';

/** The spelling and the birth of what is there stay, and so do keys that were not given. */
export function putOver(
  held: Enrollment | undefined,
  { enrollment, keeps = [] }: EnrollmentChange & { readonly change: 'put' },
): Enrollment {
  if (held === undefined) return enrollment;
  const merged = { ...enrollment, id: held.id, createdMs: held.createdMs };
  const { attestation } = held;
  if (attestation.type !== 'symmetricKey' || enrollment.attestation.type !== 'symmetricKey') return merged;
  const kept = Object.fromEntries(keeps.map((slot) => [slot, attestation[slot]]));
  return { ...merged, attestation: { ...enrollment.attestation, ...kept } };
}
