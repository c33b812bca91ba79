/** What the core needs of the world; `store` and `hub-client` implement it. */
import type { Result } from '../../lib/base/result.ts';
import type { HubDeviceView } from '../../lib/dps/control-client.ts';
import type { InitialTwin } from '../../lib/dps/wire.ts';
import type { ServiceFault } from './faults.ts';
import type {
  AllocationDefault,
  CaCertificate,
  Enrollment,
  EnrollmentKind,
  HubAuthentication,
  KeySlot,
  LinkedHub,
  NewOperation,
  Operation,
  Registration,
  RegistrationOutcome,
  ServiceIdentity,
} from './records.ts';

export type Stored<T> = Promise<Result<T, ServiceFault>>;

/** What must hold of the record that is there, or there is no change. */
export type Precondition =
  | { readonly is: 'none' }
  | { readonly is: 'absent' }
  | { readonly is: 'present' }
  | { readonly is: 'etag'; readonly etag: string };

export type EnrollmentChange =
  | {
      readonly change: 'put';
      readonly enrollment: Enrollment;
      /** Keys that were not given: those that are there stay, and the enrollment's new ones go. */
      readonly keeps?: readonly KeySlot[];
      readonly if: Precondition;
    }
  | { readonly change: 'delete'; readonly kind: EnrollmentKind; readonly key: string; readonly if: Precondition };

/** The record as it is after the change; undefined after a removal. */
export type ChangeOutcome = Result<Enrollment | undefined, ServiceFault>;

export interface PageOf<T> {
  readonly items: readonly T[];
  /** Where the next page starts; undefined on the last. */
  readonly after: string | undefined;
}

export interface PageSlice {
  /** The key of the last item seen. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface FinishedOperation {
  readonly id: string;
  readonly outcome: RegistrationOutcome;
  readonly etag: string;
  readonly nowMs: number;
  /** It failed, but its device may be in the hub: nobody else is given the place. */
  readonly keepsPlace?: boolean;
}

export interface Postponed {
  readonly dueMs: number;
  /** Whether the device may be in its hub by now. */
  readonly isWritten: boolean;
}

/** Old is what was done long ago, and what was done a while ago and is not among the newest so many. */
export interface OldOperations {
  readonly beforeMs: number;
  readonly keepNewest: number;
  /** Younger ones are kept whatever their number. */
  readonly surplusBeforeMs: number;
}

/** Every method is one transaction, on disk before it resolves. Plural ones take many at once, for one commit. */
export interface Store {
  /** The identity that is there, or the given one, kept from now on. */
  loadOrCreateIdentity(fresh: ServiceIdentity): Stored<ServiceIdentity>;

  /** Each change by itself succeeds or not; a `put` keeps the spelling and the birth of what is there. */
  changeEnrollments(changes: readonly EnrollmentChange[]): Stored<readonly ChangeOutcome[]>;
  enrollment(kind: EnrollmentKind, key: string): Stored<Enrollment | undefined>;
  enrollments(kind: EnrollmentKind, slice: PageSlice): Stored<PageOf<Enrollment>>;
  /** Groups that attest by key, by id: at most as many as there may be (dps-wire 8.4). */
  groupsByKey(): Stored<readonly Enrollment[]>;
  /** Groups that hold a certificate with one of these subjects (SHA-256 of the DER name, hexadecimal). */
  groupsBySubject(subjectHashes: readonly string[]): Stored<readonly Enrollment[]>;

  /** By name; at most 25 (dps-wire 5.4). */
  caCertificates(): Stored<readonly CaCertificate[]>;
  /** What is there afterwards: the same certificate may come again, another one may not take its name. */
  addCaCertificate(ca: CaCertificate): Stored<CaCertificate>;
  updateCaCertificate(ca: CaCertificate, etag: string): Stored<CaCertificate>;
  /** Fails with `in-use` while an enrollment names it. */
  deleteCaCertificate(key: string): Stored<void>;

  /**
   * Inserts the operations and shows their registrations as assigning. A plan takes its device at its hub; where
   * another registration has it, the operation is kept as refused. Gives back what was kept. Of one registration id
   * the newest eight are kept, whatever became of them.
   */
  startOperations(operations: readonly NewOperation[]): Stored<readonly Operation[]>;
  operation(id: string): Stored<Operation | undefined>;
  /** Due by `nowMs`, oldest first, only the newest of each registration, without payload and issued chain. */
  pendingOperations(nowMs: number, limit: number): Stored<readonly Operation[]>;
  /** Not before `dueMs` again; counts the attempt. */
  postponeOperation(id: string, postponed: Postponed): Stored<void>;
  /**
   * Done once: what comes for an operation that is done already is passed over. Older ones of the same registration
   * end with it, in the same way, for the device repeated its call; and those that were assigned before tell the place
   * and the credential that its hub knows now.
   */
  finishOperations(finished: readonly FinishedOperation[]): Stored<void>;
  /** Removes done operations that are old; at most `limit` at a time. */
  purgeOperations(old: OldOperations, limit: number): Stored<number>;

  registration(key: string): Stored<Registration | undefined>;
  registrations(slice: PageSlice & { readonly groupKey?: string }): Stored<PageOf<Registration>>;
  /** The key of the registration that has this device, or is about to. */
  registrationOfDevice(hub: string, deviceId: string): Stored<string | undefined>;
  deleteRegistration(key: string, condition: Precondition): Stored<void>;

  linkedHubs(): Stored<readonly LinkedHub[]>;
  putLinkedHub(hub: LinkedHub): Stored<void>;
  /** As `putLinkedHub`, but a hub that was removed stays removed, and one that is there takes the connection string alone. */
  offerLinkedHub(hub: LinkedHub): Stored<void>;
  /** False when it was not there. */
  deleteLinkedHub(hostName: string): Stored<boolean>;
  allocationDefault(): Stored<AllocationDefault>;
  setAllocationDefault(policy: AllocationDefault): Stored<void>;
  counts(): Stored<{ readonly enrollments: number; readonly groups: number; readonly registrations: number }>;
  close(): Promise<void>;
}

export interface HubDevice {
  readonly deviceId: string;
  readonly authentication: HubAuthentication;
  readonly iotEdge: boolean;
}

/** A linked hub's device registry. Every write may be repeated. */
export interface HubRegistry {
  /** That the connection string opens the registry. */
  check(hub: LinkedHub): Promise<Result<void>>;
  /** Makes the device be there, like this. */
  putDevice(hub: LinkedHub, device: HubDevice): Promise<Result<void>>;
  /** Tags and desired properties; undefined when the device is not there. */
  readTwin(hub: LinkedHub, deviceId: string): Promise<Result<InitialTwin | undefined>>;
  /** Merges into what is there. */
  writeTwin(hub: LinkedHub, deviceId: string, twin: InitialTwin): Promise<Result<void>>;
  /** Fine, too, when it is not there. */
  removeDevice(hub: LinkedHub, deviceId: string): Promise<Result<void>>;
  listDevices(hub: LinkedHub): Promise<Result<readonly HubDeviceView[]>>;
  close(): void;
}
