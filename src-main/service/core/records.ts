/** What the service holds. Keys are ids in lower case: they compare without case (dps-wire 0.1). */
import type { InitialTwin } from '../../lib/dps/wire.ts';

export type EnrollmentKind = 'individual' | 'group';

/** One certificate of an enrollment. */
export interface HeldCertificate {
  readonly der: Uint8Array;
  /** SHA-256, lower-case hexadecimal. */
  readonly thumbprint: string;
}

export type Attestation =
  | { readonly type: 'tpm'; readonly endorsementKey: string; readonly storageRootKey: string | undefined }
  | {
      readonly type: 'x509';
      readonly primary: HeldCertificate | undefined;
      readonly secondary: HeldCertificate | undefined;
    }
  | {
      readonly type: 'caReferences';
      /** Names of CA certificates that are kept by themselves. */
      readonly primary: string | undefined;
      readonly secondary: string | undefined;
    }
  | ({ readonly type: 'symmetricKey' } & Readonly<Record<KeySlot, /** Base64. */ string>>);

/** A CA certificate that enrollments may name (dps-wire 5.4). */
export interface CaCertificate {
  readonly key: string;
  readonly name: string;
  readonly der: Uint8Array;
  readonly isVerified: boolean;
  /** What the owner is to sign; gone once it is verified. */
  readonly verificationCode: string | undefined;
  readonly etag: string;
  readonly createdMs: number;
  readonly updatedMs: number;
}

export type KeySlot = 'primaryKey' | 'secondaryKey';

export interface ReprovisionPolicy {
  readonly updateHubAssignment: boolean;
  readonly migrateDeviceData: boolean;
}

export interface Enrollment {
  readonly kind: EnrollmentKind;
  readonly key: string;
  /** In the spelling it was created with. */
  readonly id: string;
  readonly attestation: Attestation;
  readonly enabled: boolean;
  /** Individual only. */
  readonly deviceId: string | undefined;
  readonly allocationPolicy: 'hashed' | 'static' | undefined;
  /** Lower case. Empty: all linked hubs. */
  readonly iotHubs: readonly string[];
  /** Pins a hub (dps-wire 7.2). */
  readonly iotHubHostName: string | undefined;
  readonly initialTwin: InitialTwin | undefined;
  readonly iotEdge: boolean;
  readonly reprovision: ReprovisionPolicy;
  /** Members that are kept and given back as they came. */
  readonly extras: Readonly<Record<string, unknown>>;
  readonly etag: string;
  readonly createdMs: number;
  readonly updatedMs: number;
}

export interface LinkedHub {
  /** Lower case, without a port. */
  readonly hostName: string;
  readonly connectionString: string;
  readonly allocationWeight: number;
  readonly applyAllocationPolicy: boolean;
}

export type AllocationDefault = 'hashed' | 'static';

export type RegistrationOutcome =
  | {
      readonly status: 'assigned';
      readonly assignedHub: string;
      readonly deviceId: string;
      readonly substatus: 'initialAssignment' | 'deviceDataMigrated' | 'deviceDataReset';
    }
  | { readonly status: 'failed'; readonly errorCode: number; readonly errorMessage: string };

export interface Registration {
  readonly key: string;
  readonly id: string;
  readonly status: 'assigning' | 'assigned' | 'failed';
  /** Where the device lives; while assigning and after a failure, where it lived before. */
  readonly assignedHub: string | undefined;
  readonly deviceId: string | undefined;
  readonly substatus: string | undefined;
  readonly errorCode: number | undefined;
  readonly errorMessage: string | undefined;
  /** The group's key when it came in through a group. */
  readonly groupKey: string | undefined;
  readonly etag: string;
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** How the device proved itself: a poll must prove the same. */
export type Proof = {
  /** What the enrollment attested by then, as a digest: whether it is still the same (`attestationId`). */
  readonly attested: string;
} & (
  | { readonly kind: 'tpm'; /** Base64: the challenge's key. */ readonly key: string }
  | { readonly kind: 'x509'; /** The leaf's SHA-256, lower-case hexadecimal. */ readonly thumbprint: string }
  | {
      readonly kind: 'symmetricKey';
      /** SHA-256 of the key that signed, hexadecimal: the enrollment keeps the key. */
      readonly keyId: string;
      /** A group's keys are derived for the id in this spelling. */
      readonly signedId: string;
    }
);

export type HubAuthentication =
  | { readonly type: 'sas'; readonly primaryKey: string; readonly secondaryKey: string }
  | { readonly type: 'selfSigned'; readonly primaryThumbprint: string; readonly secondaryThumbprint: string };

/** What is to be done at the hubs, decided and committed before anything is done there. */
export type Plan =
  | { readonly is: 'refuse'; readonly errorCode: number; readonly errorMessage: string }
  | {
      readonly is: 'assign';
      readonly hub: string;
      readonly deviceId: string;
      readonly authentication: HubAuthentication;
      readonly iotEdge: boolean;
      readonly substatus: 'initialAssignment' | 'deviceDataMigrated' | 'deviceDataReset';
      /** Written to the new device's twin; undefined leaves the twin as it is. */
      readonly twin: InitialTwin | undefined;
      /** Where the device lived, if it moves: its twin is taken along when migrating, and it is removed there. */
      readonly movesFrom: { readonly hub: string; readonly deviceId: string } | undefined;
      /** The device lives there already: a failure takes nothing away. */
      readonly isThere?: boolean;
    };

export interface Operation {
  readonly id: string;
  readonly registrationKey: string;
  readonly state: 'assigning' | 'done';
  readonly proof: Proof;
  /** Gone once the operation is done: it holds the hub's key. */
  readonly plan: Plan | undefined;
  /** TPM: the blob with the hub's key, base64; only that TPM can open it. */
  readonly hubKeyBlob: string | undefined;
  readonly groupId: string | undefined;
  /** JSON that the device sent along, for its allocation; gone once the operation is done. */
  readonly payload: unknown;
  /** Base64 of DER, leaf first: the certificate issued for the device's request. */
  readonly issuedChain: readonly string[] | undefined;
  readonly outcome: RegistrationOutcome | undefined;
  /** How often its hub could not be written. */
  readonly attempts: number;
  /** One of these attempts put the device there, and failed at what came after. */
  readonly isWritten: boolean;
  readonly createdMs: number;
}

export type NewOperation = Omit<Operation, 'state' | 'outcome' | 'plan' | 'attempts' | 'isWritten'> & {
  readonly plan: Plan;
  /** In the spelling the device used first. */
  readonly registrationId: string;
  readonly etag: string;
};

/** A shared access policy of the service (dps-wire 7.1). */
export interface AccessPolicy {
  readonly name: string;
  readonly primaryKey: string;
  readonly secondaryKey: string;
  readonly rights: readonly AccessRight[];
}

export const accessRights = [
  'ServiceConfig',
  'EnrollmentRead',
  'EnrollmentWrite',
  'RegistrationStatusRead',
  'RegistrationStatusWrite',
] as const;
export type AccessRight = (typeof accessRights)[number];

export interface ServiceIdentity {
  readonly idScope: string;
  readonly policies: readonly AccessPolicy[];
}

export function keyOf(id: string): string {
  return id.toLowerCase();
}
