/** A signer's key lives as long as the enrollment it was set for: it lies on the disk without a passphrase. */
import type { Log } from '../../lib/base/log.ts';
import { ok, type Result } from '../../lib/base/result.ts';
import type { ServiceFault } from './faults.ts';
import type { Store } from './ports.ts';
import type { EnrollmentKind } from './records.ts';
import type { SignerVault } from './signer-vault.ts';

export interface SignerUpkeepParts {
  readonly store: Store;
  readonly vault: SignerVault;
  readonly log: Log;
}

/** The store through which enrollments are deleted: the signer of each goes with it. */
export function forgettingSigners(parts: SignerUpkeepParts): Store {
  const { store } = parts;
  return {
    ...store,
    async changeEnrollments(changes) {
      const done = await store.changeEnrollments(changes);
      if (!done.ok) return done;
      for (const [at, change] of changes.entries()) {
        if (change.change === 'delete' && done.value[at]?.ok === true) await drop(parts, change.kind, change.key);
      }
      return done;
    },
  };
}

/** At the start: what a crash between the enrollment's end and the signer's has left, and what was left before. */
export async function sweepSigners(parts: SignerUpkeepParts): Promise<Result<void, ServiceFault>> {
  for (const { kind, key, enrolledMs } of parts.vault.all()) {
    const enrollment = await parts.store.enrollment(kind, key);
    if (!enrollment.ok) return enrollment;
    if (enrollment.value?.createdMs !== enrolledMs) await drop(parts, kind, key);
  }
  return ok();
}

/** The enrollment is gone whatever becomes of this: what stays is seen in the log, and tried again at the next start. */
async function drop({ vault, log }: SignerUpkeepParts, kind: EnrollmentKind, key: string): Promise<void> {
  const removed = await vault.remove(kind, key);
  if (!removed.ok) log.error('signer-not-removed', { kind, enrollment: key, code: removed.fault.code });
  else if (removed.value) log.info('signer-removed', { kind, enrollment: key });
}
