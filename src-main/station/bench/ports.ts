/**
 * What a run needs of the rest of the station. The bench owns these; drivers, signers and the store implement them.
 * Each method says what is on disk, or on the device, when it resolves.
 */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Fault } from '../../lib/base/fault.ts';
import type { Result } from '../../lib/base/result.ts';
import type { Step } from '../../contract/recovery-views.ts';
import type { Phase, Verdict } from '../../contract/views.ts';
import type { Attestation, Batch, RegistrationId, RunId, SerialNumber, UnitId } from '../batches/model.ts';

/** What a unit says of itself before anything is proven. */
export interface UnitFacts {
  readonly model: string;
  readonly firmware: string;
  /** As the unit's own memory holds it; absent on a blank unit, which has only its label. */
  readonly serialNumber?: string;
  readonly attestations: readonly Attestation[];
  /** Whether it can be locked for ever once it is provisioned, and whether it is. Absent: it cannot. */
  readonly lock?: 'open' | 'locked';
  /** False where it says that there will be nothing to retire once it was written; absent where it cannot tell. */
  readonly hasOld?: boolean;
}

export interface TpmIdentity {
  /** TPM2B_PUBLIC, size bytes included, as DPS takes it. */
  readonly endorsementKey: Uint8Array;
  readonly storageRootKey: Uint8Array;
  /** DER, where the TPM holds one. */
  readonly ekCertificate?: Uint8Array;
  /** The SDKs' default: base32 of SHA-256 over the endorsement key. */
  readonly registrationId: string;
}

export interface DeviceSettings {
  readonly registrationId: string;
  readonly idScope: string;
  /** `host[:port]` of the device API. */
  readonly endpoint: string;
  /** Of settings that were read: what the unit trusts is not what units are told to trust now. */
  readonly trustsOther?: true;
}

/** What a run has read back of a unit: what it is locked with. */
export interface VerifiedContent {
  readonly chain: readonly Uint8Array[];
  readonly settings: DeviceSettings | undefined;
}

/** What a kind of unit can be asked for at all; a run leaves out the rest, and its pass says so. */
export interface DriverCapabilities {
  /** It takes settings and tells which it holds; otherwise its firmware knows its service by itself. */
  readonly settings: boolean;
  /** It makes a key, signs a request and keeps certificates. */
  readonly certificates: boolean;
  /** Its own memory can say which unit it is; otherwise only its label does. */
  readonly serialNumber: boolean;
  /**
   * What it can show of the credential that it holds without anything being made or written, as a golden sample is asked:
   * a request signed with its key, its certificates. Absent: both.
   */
  readonly shows?: { readonly request: boolean; readonly certificates: boolean };
}

/** One plugged-in unit, spoken to by one kind of driver. Each call has a bound of its own and ends with a coded fault. */
export interface UnitDriver {
  readonly capabilities: DriverCapabilities;
  /** Waits until the unit answers; noise and boot chatter are skipped. */
  connect(signal: CancelSignal): Promise<Result<void>>;
  facts(): Promise<Result<UnitFacts>>;
  /** Reads EK and SRK and makes the TPM prove that it holds the EK. */
  proveTpm(signal: CancelSignal): Promise<Result<TpmIdentity>>;
  /** Generates the key on the unit, once for a request id. */
  generateKey(requestId: string, algorithm: 'p256' | 'rsa2048'): Promise<Result<void>>;
  /** DER PKCS#10 for the generated key. */
  createCsr(requestId: string, commonName: string): Promise<Result<Uint8Array>>;
  /** Resolves when the unit acknowledged that it holds exactly this. */
  writeCertificates(requestId: string, chain: readonly Uint8Array[]): Promise<Result<void>>;
  /** Empty when the unit holds none. */
  readCertificates(): Promise<Result<readonly Uint8Array[]>>;
  writeSettings(requestId: string, settings: DeviceSettings): Promise<Result<void>>;
  readSettings(): Promise<Result<DeviceSettings | undefined>>;
  /**
   * Takes away what the new credential replaced, where that lies beside it: asked only after `chain` was read back.
   * Absent where a write retires the old one by itself or there is never an old one.
   */
  retire?(requestId: string, chain: readonly Uint8Array[]): Promise<Result<void>>;
  /** Locks the unit for ever, if it holds exactly this; absent where it cannot. Asked only after everything was verified. */
  lock?(requestId: string, verified: VerifiedContent): Promise<Result<void>>;
  /** Lets the unit start its first boot; used by the virtual bench after enrollment. */
  boot(requestId: string): Promise<Result<void>>;
  /**
   * Whether the unit itself answered with this fault: then nothing is under way in it, and a repeat of the same request
   * id would only repeat the refusal.
   */
  wasAnswered(fault: Fault): boolean;
  close(): Promise<void>;
}

/** Checks a unit's certificate request and issues its certificate; the signing key stays behind this port. */
export interface DeviceSigner {
  /** Root-ward certificates the unit must send along, nearest first. */
  readonly chain: readonly Uint8Array[];
  checkCsr(csr: Uint8Array, registrationId: RegistrationId): Promise<Result<{ readonly publicKeySha256: string }>>;
  issue(csr: Uint8Array, registrationId: RegistrationId): Promise<Result<Uint8Array>>;
  /** Validates a chain, leaf first, against this signer; gives the leaf's facts. */
  validate(
    chain: readonly Uint8Array[],
    registrationId: RegistrationId,
  ): Promise<Result<{ readonly sha256: string; readonly publicKeySha256: string }>>;
}

/** Judges a TPM's endorsement certificate by the batch's policy; ok also where the policy does not ask for one. */
export interface EndorsementCheck {
  check(identity: TpmIdentity, policy: Batch['terms']['ekCertificatePolicy']): Promise<Result<void>>;
}

/** Hashes, as the platform has them. */
export interface Digest {
  sha256(bytes: Uint8Array): Uint8Array;
}

export const claimKinds = ['serial-number', 'ek', 'public-key', 'registration-id'] as const;
/** Something that belongs to one unit for ever. `value`: text as it stands, or lower-case hexadecimal of a SHA-256. */
export interface IdentityClaim {
  readonly kind: (typeof claimKinds)[number];
  readonly value: string;
}

export interface Intent {
  readonly step: Step;
  /** Sent to the device, which answers a repeat with its first result instead of doing the thing again. */
  readonly requestId: string;
  /** SHA-256, lower-case hexadecimal, of what will be written, where that is known before. */
  readonly sha256?: string;
  /**
   * What will be written, where making it again would make another one: an issued certificate is kept here before a
   * unit gets it, so that no unit ever gets two. One DER certificate after another, leaf first.
   */
  readonly content?: Uint8Array;
}

/** What a unit may hold of what was ever to be written to it. */
export type Holding = Required<Pick<Intent, 'sha256'>> & Pick<Intent, 'step'>;

export interface RunStart {
  readonly runId: RunId;
  readonly batch: Batch;
  readonly slot: number;
  readonly serialNumber: SerialNumber;
  readonly operator: string;
  readonly startedMs: number;
}

export interface RunBegun {
  readonly unitId: UnitId;
  /** 1 for a unit's first run. */
  readonly runNumber: number;
  /** Intents of this unit's earlier runs that no later row closed: finish these with the same request ids. */
  readonly open: readonly Intent[];
  /** Acts that the unit answered for, in runs that came to no verdict of its own since; newest first. */
  readonly done: readonly Intent[];
  /** Everything that was ever to be written to this unit; newest first. */
  readonly holdings: readonly Holding[];
}

/** What a pass puts on disk, in one transaction with its outbox rows. */
export interface PassRecord {
  readonly attestation: Attestation;
  readonly registrationId: RegistrationId;
  readonly endedMs: number;
  /** Base64 TPM2B_PUBLIC, for a TPM. */
  readonly endorsementKey?: string;
  readonly storageRootKey?: string;
  /** PEM, leaf first, for X.509. */
  readonly certificateChain?: string;
  /** SHA-256 of the EK or of the leaf, lower-case hexadecimal. */
  readonly fingerprint: string;
  readonly facts: UnitFacts;
  /** Steps that this kind of unit does not take; absent where it took them all. */
  readonly leftOut?: readonly Step[];
  readonly phaseMs: Readonly<Partial<Record<Phase, number>>>;
}

export interface EndRecord {
  /** `fail`: the unit's fault. `error`: ours, or nobody's; the unit may be tried again as it is. */
  readonly verdict: 'fail' | 'error';
  readonly phase: Phase;
  readonly fault: Fault;
  readonly endedMs: number;
  /** The station itself stopped in the middle: at its next start it takes the unit up again by itself. */
  readonly isCut?: true;
  /** The unit was asked what it holds, and that is not what the journal says: a person decides. */
  readonly isNamed?: true;
}

export interface CommittedVerdict {
  readonly verdict: Verdict;
  readonly fault?: Fault;
  readonly attestation?: Attestation;
  readonly registrationId?: RegistrationId;
}

/** How the run of a golden sample ended: its own verdict, whatever was expected of it. */
export interface SampleRecord {
  readonly verdict: Verdict;
  readonly phase: Phase;
  readonly fault?: Fault;
  readonly endedMs: number;
}

/** The journal of the bench. When a method resolves with ok, what it says is committed and flushed. */
export interface BenchJournal {
  /**
   * Opens a run for the unit with this serial number. Refuses: `batch-closed`, `batch-full` (quantity reached by other
   * units), `serial-in-other-batch`, `golden-due`, `golden-is-no-unit`, `unit-already-passed` (in this batch, unless the batch reworks).
   */
  begin(start: RunStart): Promise<Result<RunBegun>>;
  /** Refuses with `identity-taken` when another unit holds one of the claims; its detail names that unit. Idempotent. */
  claim(runId: RunId, claims: readonly IdentityClaim[]): Promise<Result<void>>;
  /** Before an irreversible write. */
  intend(runId: RunId, intent: Intent): Promise<Result<void>>;
  /** After the unit acknowledged or refused it: the intent is closed. */
  fulfil(runId: RunId, intent: Intent, outcome: 'done' | 'refused'): Promise<Result<void>>;
  /** The verdict PASS: unit, run, evidence, outbox rows and event in one transaction. */
  pass(runId: RunId, record: PassRecord): Promise<Result<void>>;
  end(runId: RunId, record: EndRecord): Promise<Result<void>>;
  /** The run of a golden sample: no unit, no claims, no enrollment. Refuses `golden-unknown` and `batch-closed`. */
  beginSample(start: RunStart): Promise<Result<void>>;
  endSample(runId: RunId, record: SampleRecord): Promise<Result<void>>;
  /** What is on disk of the run, for when the answer to `pass` or `end` was lost; undefined while it has no verdict. */
  verdict(runId: RunId): Promise<Result<CommittedVerdict | undefined>>;
  /** Median of the last 50 passed runs of this attestation, undefined without one. */
  typicalMs(attestation: Attestation): Promise<number | undefined>;
}
