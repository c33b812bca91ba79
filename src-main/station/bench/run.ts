/** One attempt to provision a unit: a list of phases, each on disk or on the device before the next begins. */
import { toBase64, toHex } from '../../lib/base/bytes.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import { type Phase, phases } from '../../contract/views.ts';
import { registrationIdOf } from '../batches/naming.ts';
import { benchFault } from './faults.ts';
import { askHoldings } from './holdings.ts';
import type { PassRecord } from './ports.ts';
import { Run, type RunParts, type RunTask } from './run-work.ts';
import { verify, write } from './write-phase.ts';

export type RunOutcome =
  | { readonly verdict: 'pass'; readonly record: PassRecord }
  | { readonly verdict: 'unfinished'; readonly phase: Phase; readonly fault: Fault };

type PhaseWork = (run: Run) => Promise<Result<void>>;

const work: Readonly<Record<Phase, PhaseWork>> = {
  connect: (run) => run.parts.driver.connect(run.parts.signal),
  identify: async (run) => {
    const identified = await identify(run);
    return identified.ok ? refuseLocked(run) : identified;
  },
  prove: (run) => (run.found.attestation === 'tpm' ? proveTpm(run) : proveKey(run)),
  write,
  verify,
  commit,
};

/** Runs the phases in order. A pass is returned only after the journal has committed it. */
export async function provision(task: RunTask, parts: RunParts): Promise<RunOutcome> {
  const run = new Run(task, parts);
  for (const phase of phases) {
    if (parts.signal.aborted) return { verdict: 'unfinished', phase, fault: benchFault('run-aborted') };
    parts.onPhase(phase);
    const startedMs = parts.clock.monotonicMs();
    const done = await work[phase](run);
    if (!done.ok) return { verdict: 'unfinished', phase, fault: done.fault };
    run.phaseMs[phase] = Math.round(parts.clock.monotonicMs() - startedMs);
  }
  if (run.record === undefined) throw new Error('commit ended without a record');
  return { verdict: 'pass', record: run.record };
}

export async function identify(run: Run): Promise<Result<void>> {
  const read = await run.parts.driver.facts();
  if (!read.ok) return read;
  const facts = read.value;
  const scanned = run.task.serialNumber;
  // A blank unit has only its label, and nobody has read that label now: another unit may be in the slot meanwhile.
  if (run.task.isResumed === true && facts.serialNumber !== scanned) {
    return failed(benchFault('unit-unconfirmed', { serialNumber: scanned }));
  }
  if (facts.serialNumber !== undefined && facts.serialNumber !== scanned) {
    return failed(benchFault('serial-mismatch', { found: facts.serialNumber, scanned }));
  }
  const wanted = run.task.batch.terms.attestation;
  const attestation = (['tpm', 'x509'] as const).find(
    (kind) => facts.attestations.includes(kind) && (wanted === 'mixed' || wanted === kind),
  );
  if (attestation === undefined) return failed(benchFault('attestation-unsupported', { wanted }));
  run.found.facts = facts;
  const mayLock = run.task.batch.terms.lockUnits !== true || facts.lock !== undefined;
  if (!mayLock) return failed(benchFault('lock-unsupported'));
  run.found.attestation = attestation;
  await run.parts.onAttestation(attestation);
  return run.task.isResumed === true ? askHoldings(run) : ok();
}

/** A locked unit takes nothing any more, but one that this station was about to lock is only finished. */
function refuseLocked(run: Run): Result<void> {
  const { open, done, serialNumber } = run.task;
  const isOurs = [...open, ...done].some(({ step }) => step === 'lock');
  const isLocked = run.found.facts?.lock === 'locked';
  return isLocked && !isOurs ? failed(benchFault('unit-locked', { serialNumber })) : ok();
}

export async function proveTpm(run: Run): Promise<Result<void>> {
  const proven = await run.parts.driver.proveTpm(run.parts.signal);
  if (!proven.ok) return proven;
  const identity = proven.value;
  const endorsed = await run.parts.endorsement.check(identity, run.task.batch.terms.ekCertificatePolicy);
  if (!endorsed.ok) return endorsed;
  const named = registrationIdOf(run.task.batch.terms, run.task.serialNumber, identity.registrationId);
  if (!named.ok) return named;
  run.found.tpm = identity;
  run.found.registrationId = named.value;
  run.found.fingerprint = toHex(run.parts.digest.sha256(identity.endorsementKey));
  return run.parts.journal.claim(run.task.runId, [
    { kind: 'ek', value: run.found.fingerprint },
    { kind: 'registration-id', value: named.value },
  ]);
}

async function proveKey(run: Run): Promise<Result<void>> {
  const { journal, driver, signer } = run.parts;
  if (signer === undefined) return failed(run.signerGone());
  const named = registrationIdOf(run.task.batch.terms, run.task.serialNumber, undefined);
  if (!named.ok) return named;
  // Before the key: a name that another unit holds must stop the slot while nothing is written.
  const nameClaimed = await journal.claim(run.task.runId, [{ kind: 'registration-id', value: named.value }]);
  if (!nameClaimed.ok) return nameClaimed;
  const requested = await run.irreversibly({
    step: 'generate-key',
    perform: async (requestId) => {
      const generated = await driver.generateKey(requestId, run.task.batch.terms.keyAlgorithm);
      return generated.ok ? driver.createCsr(`${requestId}-csr`, named.value) : generated;
    },
  });
  if (!requested.ok) return requested;
  const checked = await signer.checkCsr(requested.value, named.value);
  if (!checked.ok) return checked;
  run.found.csr = requested.value;
  run.found.publicKeySha256 = checked.value.publicKeySha256;
  run.found.registrationId = named.value;
  return journal.claim(run.task.runId, [{ kind: 'public-key', value: checked.value.publicKeySha256 }]);
}

async function commit(run: Run): Promise<Result<void>> {
  const { facts, attestation, fingerprint, tpm, chain } = run.found;
  if (facts === undefined || attestation === undefined || fingerprint === undefined) {
    throw new Error('commit before the unit is known');
  }
  run.record = {
    attestation,
    registrationId: run.registrationId,
    endedMs: run.parts.clock.nowMs(),
    fingerprint,
    facts,
    phaseMs: run.phaseMs,
    ...(run.leftOut.length === 0 ? {} : { leftOut: run.leftOut }),
    ...(tpm === undefined
      ? {}
      : { endorsementKey: toBase64(tpm.endorsementKey), storageRootKey: toBase64(tpm.storageRootKey) }),
    ...(chain === undefined ? {} : { certificateChain: chain.map(pem).join('') }),
  };
  return run.parts.journal.pass(run.task.runId, run.record);
}

/** RFC 7468 section 3. */
function pem(der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
