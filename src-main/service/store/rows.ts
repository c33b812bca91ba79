/** Between the core's records and the tables' rows. */
import { fromBase64, toBase64 } from '../../lib/base/bytes.ts';
import type { Enrollment, LinkedHub, Operation, Registration } from '../core/records.ts';
import type { EnrollmentRow, LinkedHubRow, OperationRow, RegistrationRow } from './schema.ts';

const inColumns = ['kind', 'key', 'id', 'etag', 'createdMs', 'updatedMs'];

export function enrollmentToRow(enrollment: Enrollment): EnrollmentRow {
  const rest = Object.entries(enrollment).filter(([name]) => !inColumns.includes(name));
  return {
    kind: enrollment.kind,
    key: enrollment.key,
    id: enrollment.id,
    etag: enrollment.etag,
    body: JSON.stringify(Object.fromEntries(rest), (_name, value: unknown) =>
      value instanceof Uint8Array ? { $bytes: toBase64(value) } : value,
    ),
    created_ms: enrollment.createdMs,
    updated_ms: enrollment.updatedMs,
  };
}

export function enrollmentFromRow(row: EnrollmentRow): Enrollment {
  // Written by `enrollmentToRow` alone: what is read back has its shape.
  const rest = JSON.parse(row.body, (_name, value: unknown) => bytesOf(value) ?? value) as Enrollment;
  return {
    ...rest,
    kind: row.kind,
    key: row.key,
    id: row.id,
    etag: row.etag,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}

/**
 * Reads the rows of groups, whose devices come by thousands, without parsing what was parsed before. What is remembered
 * goes by the whole text of the row: a change, whoever made it, is another text.
 */
export function createGroupReader(): (row: EnrollmentRow) => Enrollment {
  const known = new Map<string, { readonly row: EnrollmentRow; readonly enrollment: Enrollment }>();
  return (row) => {
    if (row.kind !== 'group') return enrollmentFromRow(row);
    const held = known.get(row.key);
    if (held !== undefined && isSame(held.row, row)) return held.enrollment;
    const [oldest] = known.keys();
    if (known.size >= maxKnownGroups && oldest !== undefined) known.delete(oldest);
    const enrollment = enrollmentFromRow(row);
    known.set(row.key, { row, enrollment });
    return enrollment;
  };
}

// dps-wire 8.4: 100 by certificate and 100 by key; some kilobytes each.
const maxKnownGroups = 256;

function isSame(held: EnrollmentRow, row: EnrollmentRow): boolean {
  const hasTimes = held.created_ms === row.created_ms && held.updated_ms === row.updated_ms;
  return hasTimes && held.etag === row.etag && held.id === row.id && held.body === row.body;
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'object' || value === null || !('$bytes' in value)) return undefined;
  return typeof value.$bytes === 'string' ? fromBase64(value.$bytes) : undefined;
}

export function operationFromRow(row: Omit<OperationRow, 'seq'>): Operation {
  return {
    id: row.id,
    registrationKey: row.registration_key,
    state: row.state,
    proof: JSON.parse(row.proof) as Operation['proof'],
    plan: row.plan === null ? undefined : (JSON.parse(row.plan) as Operation['plan']),
    hubKeyBlob: row.hub_key_blob ?? undefined,
    groupId: row.group_id ?? undefined,
    outcome: row.outcome === null ? undefined : (JSON.parse(row.outcome) as Operation['outcome']),
    attempts: row.attempts,
    isWritten: row.is_written === 1,
    payload: row.payload === null ? undefined : (JSON.parse(row.payload) as unknown),
    issuedChain: row.issued_chain === null ? undefined : (JSON.parse(row.issued_chain) as readonly string[]),
    createdMs: row.created_ms,
  };
}

export function registrationFromRow(row: RegistrationRow): Registration {
  return {
    key: row.key,
    id: row.id,
    status: row.status,
    assignedHub: row.assigned_hub ?? undefined,
    deviceId: row.device_id ?? undefined,
    substatus: row.substatus ?? undefined,
    errorCode: row.error_code ?? undefined,
    errorMessage: row.error_message ?? undefined,
    groupKey: row.group_key ?? undefined,
    etag: row.etag,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
  };
}

export function linkedHubFromRow(row: LinkedHubRow): LinkedHub {
  return {
    hostName: row.host_name,
    connectionString: row.connection_string,
    allocationWeight: row.allocation_weight,
    applyAllocationPolicy: row.apply_allocation_policy === 1,
  };
}
