/** The bench link as both ends see it: what a station may ask, and what a device must be able to do. docs/bench-link.md. */
import type { CancelSignal } from '../base/cancel.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { Result } from '../base/result.ts';
import type { TpmTransport } from '../tpm/types.ts';
import type { CertificateChain, KeyAlgorithm } from '../x509/types.ts';

export const attestationKinds = ['tpm', 'x509'] as const;
export type AttestationKind = (typeof attestationKinds)[number];

/** What a device says of itself [LINK-5.2]. */
export interface DeviceInfo {
  readonly model: string;
  readonly serialNumber?: string;
  readonly firmware: string;
  /** The version of our management group that the device speaks; 1 today. */
  readonly linkVersion: number;
  readonly attestations: readonly AttestationKind[];
  readonly keyAlgorithms: readonly KeyAlgorithm[];
  /** The longest SMP packet the device takes and sends, header included [LINK-4.3]. */
  readonly bufferBytes: number;
  /** How it can be finished [LINK-7.1]; empty: a write retires the old by itself, and it cannot be locked. */
  readonly finishing: readonly FinishingKind[];
  /** It takes no key, certificate or settings any more [LINK-7.4]. */
  readonly isLocked: boolean;
  /** It holds a certificate that a new one would replace, or that a new one has replaced and that was not retired. */
  readonly holdsCredential: boolean;
}

export const finishingKinds = ['retire', 'lock'] as const;
export type FinishingKind = (typeof finishingKinds)[number];

/** What a station has read back of a unit, and what the unit must hold to be locked [LINK-7.3]. */
export interface VerifiedContent {
  /** Empty for a unit that holds none. */
  readonly chain: CertificateChain;
  readonly settings: DeviceSettings | undefined;
}

/** What a device says of itself, without what the link itself knows of it. */
export type DeviceTraits = Omit<DeviceInfo, 'linkVersion' | 'bufferBytes' | FinishingTraits> &
  Partial<Pick<DeviceInfo, FinishingTraits>>;
type FinishingTraits = 'finishing' | 'isLocked' | 'holdsCredential';

export const deviceStates = ['blank', 'written', 'booting', 'registering', 'assigned', 'connected', 'failed'] as const;
export type DeviceState = (typeof deviceStates)[number];

/** How far a device has come by itself [LINK-5.5]. */
export interface DeviceStatus {
  readonly state: DeviceState;
  readonly registrationId?: string;
  readonly assignedHub?: string;
  readonly deviceId?: string;
  /** Why it failed, in the device's words. */
  readonly fault?: string;
}

/** What a unit is told besides its credential [LINK-5.4]. */
export interface DeviceSettings {
  readonly registrationId: string;
  readonly idScope: string;
  /** host[:port] of the device API. */
  readonly endpoint: string;
  /** DER of the CA certificates the unit trusts for that endpoint and its hub; absent: what its firmware trusts. */
  readonly trustedRoots?: readonly Uint8Array[];
}

/** A write is acknowledged with the SHA-256 of what the device now holds [LINK-6.7]. */
export interface WriteReceipt {
  readonly sha256: Uint8Array;
}

/**
 * The station's end. Every `requestId` names one intention for ever: a repeat of the same id with the same content
 * gets the first result again and does nothing new, even after either end restarted [LINK-6.4].
 */
export interface LinkClient {
  /** Echo until it answers, then the buffer size. Boot chatter and noise are skipped. */
  connect(signal?: CancelSignal): Promise<Result<void>>;
  /** One echo: is the device still there? Answered while a slow command runs. */
  ping(signal?: CancelSignal): Promise<Result<void>>;
  deviceInfo(signal?: CancelSignal): Promise<Result<DeviceInfo>>;
  /** Passthrough to the device's TPM. A command that may have run is never run again: see `link-interrupted`. */
  readonly tpm: TpmTransport;
  /** The device makes a key pair and keeps it; SPKI DER comes back. */
  generateKey(
    requestId: string,
    algorithm: KeyAlgorithm,
    signal?: CancelSignal,
  ): Promise<Result<{ readonly publicKey: Uint8Array }>>;
  /** DER of a PKCS#10 request signed by the device's key. */
  createCsr(requestId: string, subjectCommonName: string, signal?: CancelSignal): Promise<Result<Uint8Array>>;
  writeCertificates(requestId: string, chain: CertificateChain, signal?: CancelSignal): Promise<Result<WriteReceipt>>;
  /** An empty chain when the device holds none. */
  readCertificates(signal?: CancelSignal): Promise<Result<{ readonly chain: CertificateChain } & WriteReceipt>>;
  writeSettings(requestId: string, settings: DeviceSettings, signal?: CancelSignal): Promise<Result<WriteReceipt>>;
  readSettings(
    signal?: CancelSignal,
  ): Promise<Result<{ readonly settings?: DeviceSettings; readonly sha256?: Uint8Array }>>;
  /** Drops every key and certificate but the one that is in use, which must be `chain` [LINK-7.2]. */
  retire(requestId: string, chain: CertificateChain, signal?: CancelSignal): Promise<Result<WriteReceipt>>;
  /** Locks the unit for ever, if it holds exactly this [LINK-7.3]. */
  lock(requestId: string, verified: VerifiedContent, signal?: CancelSignal): Promise<Result<WriteReceipt>>;
  /** The unit starts its first boot; it registers by itself, and `status` tells how far it is. */
  boot(requestId: string, signal?: CancelSignal): Promise<Result<void>>;
  status(signal?: CancelSignal): Promise<Result<DeviceStatus>>;
  /** Ends what is under way with `link-lost` and closes the stream. Idempotent. */
  close(): Promise<void>;
}

/**
 * The device's end: what firmware, or the agent, implements. The link calls one mutating handler at a time.
 * A fault given back travels to the station as its code and sentence: never put a secret into one.
 */
export interface LinkDevice {
  info(): Promise<DeviceTraits>;
  /** Absent: this device has no TPM. */
  tpmTransmit?(command: Uint8Array): Promise<Result<Uint8Array>>;
  /**
   * SPKI DER. A device that already made the key of this request id gives that one again (it may have crashed since);
   * once locked it makes no other [LINK-7.4].
   */
  generateKey?(requestId: string, algorithm: KeyAlgorithm): Promise<Result<Uint8Array>>;
  createCsr?(requestId: string, subjectCommonName: string): Promise<Result<Uint8Array>>;
  /** Writes into the spare slot, reads it back, and only then takes it into use [LINK-6.6]. */
  storeCertificates(chain: CertificateChain): Promise<Result<void>>;
  /** What is held now, read from where it is held; empty when nothing is. */
  certificates(): Promise<Result<CertificateChain>>;
  storeSettings(settings: DeviceSettings): Promise<Result<void>>;
  settings(): Promise<Result<DeviceSettings | undefined>>;
  /** Drops what is not in use; asked only when what is in use was verified. Absent: a write does it by itself. */
  retire?(): Promise<Result<void>>;
  /** Resolves when the lock is durable. Absent: this device cannot be locked. */
  lock?(): Promise<Result<void>>;
  /** Accepts the first boot; it must not wait for registration to end. */
  boot(): Promise<Result<void>>;
  status(): Promise<DeviceStatus>;
}

/** Where a device keeps the results it must be able to replay after a restart [LINK-6.5]. */
export interface LinkMemory {
  /** What `save` was last given; undefined on a new device. */
  load(): Promise<Uint8Array | undefined>;
  /** Resolves when the bytes (at most 64 KiB) are durable; replaces what was there, whole or not at all. */
  save(bytes: Uint8Array): Promise<void>;
}

/** Bounds of the station's end; each has a default with its reason in limits.ts. */
export interface LinkLimits {
  readonly replyTimeoutMs: number;
  readonly attempts: number;
  readonly connectTimeoutMs: number;
  readonly echoEveryMs: number;
  readonly requestTimeoutMs: number;
  readonly askFirstMs: number;
  readonly askMaxMs: number;
}

export interface LinkParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<LinkLimits>;
}

export interface LinkServerParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: results are forgotten at a restart, as on a device without storage. */
  readonly memory?: LinkMemory;
  /** The declared buffer size; 384 unless told. */
  readonly bufferBytes?: number;
  /** [LINK-6.9] How long an answer waits for the end of what runs; 0, or without a memory: never, as older firmware. */
  readonly holdMs?: number;
}

export interface LinkServer {
  /** Stops answering; a handler under way runs to its end. The stream stays open: it is the owner's. */
  close(): void;
}
