/** The tables, as kysely sees them. Ids are compared by their lower-case keys; JSON is text of our own records. */
import type { Generated } from 'kysely';

export interface EnrollmentRow {
  kind: 'individual' | 'group';
  key: string;
  id: string;
  etag: string;
  /** The rest of the record. */
  body: string;
  created_ms: number;
  updated_ms: number;
}

/** The certificates of groups, to be found by the subject a chain names. */
export interface GroupSubjectRow {
  subject_hash: string;
  group_key: string;
}

export interface OperationRow {
  seq: Generated<number>;
  id: string;
  registration_key: string;
  state: 'assigning' | 'done';
  proof: string;
  plan: string | null;
  hub_key_blob: string | null;
  group_id: string | null;
  outcome: string | null;
  attempts: number;
  /** Its device may be in the hub: an attempt came so far. */
  is_written: number;
  due_ms: number;
  created_ms: number;
  finished_ms: number | null;
  /** JSON: what the device sent along. */
  payload: string | null;
  /** JSON: base64 of DER, leaf first. */
  issued_chain: string | null;
}

/** A CA certificate that groups and enrollments name. */
export interface AuthorityRow {
  key: string;
  name: string;
  certificate: Uint8Array;
  is_verified: number;
  verification_code: string | null;
  etag: string;
  created_ms: number;
  updated_ms: number;
}

export interface AuthorityReferenceRow {
  authority_key: string;
  kind: 'individual' | 'group';
  enrollment_key: string;
}

export interface RegistrationRow {
  key: string;
  id: string;
  status: 'assigning' | 'assigned' | 'failed';
  assigned_hub: string | null;
  device_id: string | null;
  substatus: string | null;
  error_code: number | null;
  error_message: string | null;
  group_key: string | null;
  etag: string;
  created_ms: number;
  updated_ms: number;
}

/** The registration that has a device of a hub, or is about to. */
export interface DevicePlaceRow {
  hub: string;
  device_id: string;
  registration_key: string;
}

export interface LinkedHubRow {
  host_name: string;
  connection_string: string;
  allocation_weight: number;
  apply_allocation_policy: number;
}

export interface SettingRow {
  name: string;
  value: string;
}

export interface Tables {
  enrollments: EnrollmentRow;
  group_subjects: GroupSubjectRow;
  operations: OperationRow;
  registrations: RegistrationRow;
  linked_hubs: LinkedHubRow;
  unlinked_hubs: { host_name: string };
  device_places: DevicePlaceRow;
  settings: SettingRow;
  authorities: AuthorityRow;
  authority_references: AuthorityReferenceRow;
}
