/** What the phases of one run share: what they were given, what they found, and how an irreversible act is done. */
import { toHex } from '../../lib/base/bytes.ts';
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Random } from '../../lib/base/random.ts';
import { type Result, failed } from '../../lib/base/result.ts';
import type { Step } from '../../contract/recovery-views.ts';
import type { Phase } from '../../contract/views.ts';
import type { Attestation, Batch, RegistrationId, RunId, SerialNumber } from '../batches/model.ts';
import { benchFault } from './faults.ts';
import type {
  BenchJournal,
  DeviceSettings,
  DeviceSigner,
  Digest,
  EndorsementCheck,
  Intent,
  PassRecord,
  RunBegun,
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

/** From `BenchJournal.begin`: what earlier runs of this unit left behind. */
export interface RunTask extends Pick<RunBegun, 'open' | 'done' | 'holdings'> {
  readonly runId: RunId;
  readonly batch: Batch;
  readonly serialNumber: SerialNumber;
  /** Nobody scanned the unit for this run. */
  readonly isResumed?: boolean;
}

/** What the phases have found out so far; each phase adds its part. */
interface Findings {
  facts?: UnitFacts;
  attestation?: Attestation;
  registrationId?: RegistrationId;
  tpm?: TpmIdentity;
  csr?: Uint8Array;
  publicKeySha256?: string;
  chain?: readonly Uint8Array[];
  settings?: DeviceSettings;
  fingerprint?: string;
}

/** One irreversible act: what it writes, where that is known before, and whether it is kept in the journal. */
export interface Act<T> {
  readonly step: Step;
  readonly content?: Uint8Array;
  readonly isContentKept?: true;
  perform(requestId: string): Promise<Result<T>>;
}

export class Run {
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

  get registrationId(): RegistrationId {
    if (this.found.registrationId === undefined) throw new Error('the unit has no registration id yet');
    return this.found.registrationId;
  }

  sha256(content: Uint8Array): string {
    return toHex(this.parts.digest.sha256(content));
  }

  /** A signer that was opened from a file is gone after a restart, until somebody opens it again. */
  signerGone(): Fault {
    const { signerId } = this.task.batch.terms;
    return signerId === undefined ? benchFault('signer-missing') : benchFault('signer-not-open', { signerId });
  }

  /** Journal before inject: the intent is on disk before `perform` touches the unit, and closed after the unit answered. */
  async irreversibly<T>(act: Act<T>): Promise<Result<T>> {
    const acted = await this.#act(this.#intent(act), act);
    // The unit kept this id for other content, which a driver adds (trusted roots): it did not do what we want now.
    const isOther = !acted.ok && acted.fault.code === 'link-id-reused';
    return isOther ? this.#act(this.#fresh(act), act) : acted;
  }

  /**
   * An open intent of an earlier run keeps its request id, so that the unit repeats its answer and not the act; so does
   * the key that an earlier run had made. Other content is another act: it gets a request id of its own.
   */
  #intent(act: Act<unknown>): Intent {
    const sha256 = act.content === undefined ? undefined : this.sha256(act.content);
    const { open, done } = this.task;
    const known = act.step === 'generate-key' ? [...open, ...done] : open;
    return known.find((intent) => intent.step === act.step && intent.sha256 === sha256) ?? this.#fresh(act);
  }

  #fresh({ step, content, isContentKept }: Act<unknown>): Intent {
    const requestId = this.parts.random.uuid();
    if (content === undefined) return { step, requestId };
    const sha256 = this.sha256(content);
    return isContentKept === true ? { step, requestId, sha256, content } : { step, requestId, sha256 };
  }

  async #act<T>(intent: Intent, act: Act<T>): Promise<Result<T>> {
    if (this.parts.signal.aborted) return failed(benchFault('run-aborted'));
    const intended = await this.parts.journal.intend(this.task.runId, intent);
    if (!intended.ok) return intended;
    const acted = await act.perform(intent.requestId);
    // Without an answer it may have happened, or happen yet: the intent stays open for the next run.
    if (!acted.ok && !this.parts.driver.wasAnswered(acted.fault)) return acted;
    const closed = await this.parts.journal.fulfil(this.task.runId, intent, acted.ok ? 'done' : 'refused');
    return closed.ok ? acted : closed;
  }
}
