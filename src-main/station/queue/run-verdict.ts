/** The verdict that a run has on disk: what to show when the answer to its commit was lost. */
import type { Result } from '../../lib/base/result.ts';
import type { Attestation, RegistrationId, RunId } from '../batches/model.ts';
import type { CommittedVerdict } from '../bench/ports.ts';
import type { StoreContext } from './context.ts';
import { faultIn, optional } from './rows.ts';

interface VerdictRow {
  readonly verdict: CommittedVerdict['verdict'] | null;
  readonly fault: string | null;
  readonly attestation: Attestation | null;
  readonly registration_id: RegistrationId | null;
}

export function runVerdict(context: StoreContext, runId: RunId): Result<CommittedVerdict | undefined> {
  return context.db.read((db) => {
    const row = db.get<VerdictRow>(
      `SELECT verdict, runs.fault, runs.attestation, registration_id FROM runs JOIN units ON units.seq = runs.unit
        WHERE run_id = ?`,
      runId,
    );
    if (row === undefined || row.verdict === null) return undefined;
    return {
      verdict: row.verdict,
      ...optional('fault', faultIn(row.fault)),
      ...optional('attestation', row.attestation),
      ...(row.verdict === 'pass' ? optional('registrationId', row.registration_id) : {}),
    };
  });
}
