/** What sync needs of a provisioning service and of hubs; adapters over lib/dps implement it. */
import type { CancelSignal } from '../../lib/base/cancel.ts';
import type { Result } from '../../lib/base/result.ts';
import type { EnrollmentGroup, IndividualEnrollment } from '../batches/enrollment.ts';

/** One entry of a bulk that the service did not take. */
export interface Refusal {
  readonly registrationId: string;
  /** The service's own code: its thousands are the HTTP status (dps-wire 1.9). */
  readonly errorCode: number;
  readonly reason: string;
}

export interface HeldCertificate {
  /** PEM or base64 DER; left out by a service that shows only what the certificate says. */
  readonly certificate?: string | null | undefined;
  readonly info?: unknown;
}

/** What a service says it holds under a key, as far as we compare it. */
export interface HeldEnrollment {
  readonly deviceId?: string | null | undefined;
  readonly provisioningStatus?: string | null | undefined;
  readonly initialTwin?: unknown;
  readonly attestation: {
    readonly type: string;
    readonly tpm?: { readonly endorsementKey: string } | null | undefined;
    readonly x509?:
      | {
          readonly clientCertificates?: { readonly primary?: HeldCertificate | null | undefined } | null | undefined;
          readonly signingCertificates?: { readonly primary?: HeldCertificate | null | undefined } | null | undefined;
        }
      | null
      | undefined;
  };
}

export interface AssignedDevice {
  readonly hub: string;
  readonly deviceId: string;
  /** When the service last changed the assignment, where it says so. */
  readonly atMs?: number;
}

/** Faults are those of lib/dps; `undefined` is what the service does not know. */
export interface EnrollmentTarget {
  /** At most 10, created or refused one by one; never replaces what is there. */
  create(enrollments: readonly IndividualEnrollment[], signal: CancelSignal): Promise<Result<readonly Refusal[]>>;
  /** Puts the enrollment in place of what is held under its registration id. */
  replace(enrollment: IndividualEnrollment, signal: CancelSignal): Promise<Result<void>>;
  individual(registrationId: string, signal: CancelSignal): Promise<Result<HeldEnrollment | undefined>>;
  putGroup(group: EnrollmentGroup, signal: CancelSignal): Promise<Result<void>>;
  group(enrollmentGroupId: string, signal: CancelSignal): Promise<Result<HeldEnrollment | undefined>>;
  /** Undefined until the device is assigned to a hub. */
  assigned(registrationId: string, signal: CancelSignal): Promise<Result<AssignedDevice | undefined>>;
  /** The cheapest call that proves address, trust and credential. */
  probe(signal: CancelSignal): Promise<Result<void>>;
  /** After each reply: how far the service's clock is ahead of ours. */
  onClockOffset(listener: (offsetMs: number) => void): () => void;
}

export interface DevicePresence {
  readonly isConnected: boolean;
  readonly lastActivityMs?: number;
}

export interface HubWatch {
  /** Undefined when nothing may be asked of this hub, or it does not know the device. */
  presence(hub: string, deviceId: string, signal: CancelSignal): Promise<Result<DevicePresence | undefined>>;
}
