/** One attempt to provision a unit: a list of phases, each on disk or on the device before the next begins. */
import { concatBytes, equalBytes, toBase64, toHex, utf8 } from '../../lib/base/bytes.ts';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, failed, ok } from '../../lib/base/result.ts';
import type { Fault } from '../../lib/base/fault.ts';
import { type Phase, phases } from '../../contract/views.ts';
import type { Attestation, Batch, RegistrationId, RunId, SerialNumber } from '../batches/model.ts';
import { benchFault } from './faults.ts';
import { registrationIdOf } from '../batches/naming.ts';
import type {
  BenchJournal,
  DeviceSettings,
  DeviceSigner,
  Digest,
  EndorsementCheck,
  Intent,
  PassRecord,
  Step,
  TpmIdentity,
  UnitDriver,
  UnitFacts,
} from './ports.ts';

export interface RunParts {
  readonly journal: BenchJournal;
  readonly driver: UnitDriver;
  /** Absent where the batch needs none. */
  readonly signer: DeviceSigner | undefined;
  readonly endorsement: EndorsementCheck;
  readonly digest: Digest;
  readonly clock: Clock;
  readonly random: Random;
  readonly target: { readonly idScope: string; readonly endpoint: string };
  readonly signal: CancelSignal;
  onPhase(phase: Phase): void;
  /** As soon as it is known how this unit proves itself. */
  onAttestation(attestation: Attestation): Promise<void>;
}

export interface RunTask {
  readonly runId: RunId;
  readonly batch: Batch;
  readonly serialNumber: SerialNumber;
  /** From `BenchJournal.begin`: what earlier runs of this unit left unfinished. */
  readonly open: readonly Intent[];
  /** Nobody scanned the unit for this run. */
  readonly isResumed?: boolean;
}

export type RunOutcome =
  | { readonly verdict: 'pass'; readonly record: PassRecord }
  | { readonly verdict: 'unfinished'; readonly phase: Phase; readonly fault: Fault };

/** What the phases have found out so far; each phase adds its part. */
interface Findings {
  facts?: UnitFacts;
  attestation?: Attestation;
  registrationId?: RegistrationId;
  tpm?: TpmIdentity;
  csr?: Uint8Array;
  chain?: readonly Uint8Array[];
  settings?: DeviceSettings;
  fingerprint?: string;
}

type PhaseWork = (run: Run) => Promise<Result<void>>;

const work: Readonly<Record<Phase, PhaseWork>> = {
  connect: (run) => run.parts.driver.connect(run.parts.signal),
  identify,
  prove: (run) => (run.found.attestation === 'tpm' ? proveTpm(run) : proveKey(run)),
  write,
  verify,
  commit,
};

class Run {
  readonly task: RunTask;
  readonly parts: RunParts;
  readonly found: Findings = {};
  readonly phaseMs: Partial<Record<Phase, number>> = {};
  readonly leftOut: Step[] = [];
  record: PassRecord | undefined;

  constructor(task: RunTask, parts: RunParts) {
    this.task = task;
    this.parts = parts;
  }

  /**
   * An open intent of an earlier run keeps its request id, so that the unit repeats its answer and not the act. Other
   * content is another act: it gets a request id of its own.
   */
  #intent(step: Step, sha256: string | undefined): Intent {
    return (
      this.task.open.find((intent) => intent.step === step && intent.sha256 === sha256) ?? this.#fresh(step, sha256)
    );
  }

  #fresh(step: Step, sha256: string | undefined): Intent {
    const requestId = this.parts.random.uuid();
    return sha256 === undefined ? { step, requestId } : { step, requestId, sha256 };
  }

  /** Journal before inject: the intent is on disk before `act` touches the unit, and closed after the unit answered. */
  async irreversibly<T>(
    step: Step,
    content: Uint8Array | undefined,
    act: (requestId: string) => Promise<Result<T>>,
  ): Promise<Result<T>> {
    const sha256 = content === undefined ? undefined : toHex(this.parts.digest.sha256(content));
    const acted = await this.#act(this.#intent(step, sha256), act);
    // The unit kept this id for other content, which a driver adds (trusted roots): it did not do what we want now.
    const isOther = !acted.ok && acted.fault.code === 'link-id-reused';
    return isOther ? this.#act(this.#fresh(step, sha256), act) : acted;
  }

  async #act<T>(intent: Intent, act: (requestId: string) => Promise<Result<T>>): Promise<Result<T>> {
    if (this.parts.signal.aborted) return failed(benchFault('run-aborted'));
    const intended = await this.parts.journal.intend(this.task.runId, intent);
    if (!intended.ok) return intended;
    const acted = await act(intent.requestId);
    // Without an answer it may have happened, or happen yet: the intent stays open for the next run.
    if (!acted.ok && !this.parts.driver.wasAnswered(acted.fault)) return acted;
    const closed = await this.parts.journal.fulfil(this.task.runId, intent);
    return closed.ok ? acted : closed;
  }
}

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

async function identify(run: Run): Promise<Result<void>> {
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
  run.found.attestation = attestation;
  await run.parts.onAttestation(attestation);
  return ok();
}

async function proveTpm(run: Run): Promise<Result<void>> {
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
  if (signer === undefined) return failed(signerGone(run));
  const named = registrationIdOf(run.task.batch.terms, run.task.serialNumber, undefined);
  if (!named.ok) return named;
  // Before the key: a name that another unit holds must stop the slot while nothing is written.
  const nameClaimed = await journal.claim(run.task.runId, [{ kind: 'registration-id', value: named.value }]);
  if (!nameClaimed.ok) return nameClaimed;
  const requested = await run.irreversibly('generate-key', undefined, async (requestId) => {
    const generated = await driver.generateKey(requestId, run.task.batch.terms.keyAlgorithm);
    return generated.ok ? driver.createCsr(`${requestId}-csr`, named.value) : generated;
  });
  if (!requested.ok) return requested;
  const checked = await signer.checkCsr(requested.value, named.value);
  if (!checked.ok) return checked;
  run.found.csr = requested.value;
  run.found.registrationId = named.value;
  return journal.claim(run.task.runId, [{ kind: 'public-key', value: checked.value.publicKeySha256 }]);
}

async function write(run: Run): Promise<Result<void>> {
  const written = run.found.csr === undefined ? ok() : await writeCertificates(run, run.found.csr);
  return written.ok ? writeSettings(run) : written;
}

async function writeCertificates(run: Run, csr: Uint8Array): Promise<Result<void>> {
  const { signer, driver } = run.parts;
  const registrationId = knownRegistrationId(run);
  if (signer === undefined) return failed(signerGone(run));
  const issued = await signer.issue(csr, registrationId);
  if (!issued.ok) return issued;
  const chain = [issued.value, ...signer.chain];
  const valid = await signer.validate(chain, registrationId);
  if (!valid.ok) return valid;
  const content = concatBytes(...chain);
  const acknowledged = await run.irreversibly('write-certificates', content, (requestId) =>
    driver.writeCertificates(requestId, chain),
  );
  if (!acknowledged.ok) return acknowledged;
  run.found.chain = chain;
  run.found.fingerprint = valid.value.sha256;
  return ok();
}

async function writeSettings(run: Run): Promise<Result<void>> {
  if (!run.parts.driver.capabilities.settings) {
    run.leftOut.push('write-settings');
    return ok();
  }
  // By name: whoever gives the target may know more of it than a unit may be told.
  const { idScope, endpoint } = run.parts.target;
  const settings = { registrationId: knownRegistrationId(run), idScope, endpoint };
  const acknowledged = await run.irreversibly('write-settings', utf8(JSON.stringify(settings)), (requestId) =>
    run.parts.driver.writeSettings(requestId, settings),
  );
  if (!acknowledged.ok) return acknowledged;
  run.found.settings = settings;
  return ok();
}

async function verify(run: Run): Promise<Result<void>> {
  const { settings, chain } = run.found;
  const kept = settings === undefined ? ok() : await verifySettings(run, settings);
  if (!kept.ok) return kept;
  return chain === undefined ? ok() : verifyCertificates(run, chain);
}

async function verifySettings(run: Run, written: DeviceSettings): Promise<Result<void>> {
  const kept = await run.parts.driver.readSettings();
  if (!kept.ok) return kept;
  return sameSettings(kept.value, written) ? ok() : failed(benchFault('read-back-differs', { what: 'settings' }));
}

async function verifyCertificates(run: Run, written: readonly Uint8Array[]): Promise<Result<void>> {
  const { driver, signer } = run.parts;
  if (signer === undefined) return failed(signerGone(run));
  const held = await driver.readCertificates();
  if (!held.ok) return held;
  const isSame =
    held.value.length === written.length && equalBytes(concatBytes(...held.value), concatBytes(...written));
  if (!isSame) return failed(benchFault('read-back-differs', { what: 'certificate' }));
  const valid = await signer.validate(held.value, knownRegistrationId(run));
  return valid.ok ? ok() : valid;
}

/** A signer that was opened from a file is gone after a restart, until somebody opens it again. */
function signerGone(run: Run): Fault {
  const { signerId } = run.task.batch.terms;
  return signerId === undefined ? benchFault('signer-missing') : benchFault('signer-not-open', { signerId });
}

function sameSettings(kept: DeviceSettings | undefined, written: DeviceSettings): boolean {
  const fields = ['registrationId', 'idScope', 'endpoint'] as const;
  return kept !== undefined && fields.every((field) => kept[field] === written[field]);
}

async function commit(run: Run): Promise<Result<void>> {
  const { facts, attestation, fingerprint, tpm, chain } = run.found;
  if (facts === undefined || attestation === undefined || fingerprint === undefined) {
    throw new Error('commit before the unit is known');
  }
  run.record = {
    attestation,
    registrationId: knownRegistrationId(run),
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

function knownRegistrationId(run: Run): RegistrationId {
  if (run.found.registrationId === undefined) throw new Error('the unit has no registration id yet');
  return run.found.registrationId;
}

/** RFC 7468 section 3. */
function pem(der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
