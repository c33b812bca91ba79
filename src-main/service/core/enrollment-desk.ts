/** Where enrollments are put, read and removed, one by one or ten at once (dps-wire 7). */
import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { enrollmentGroup, individualEnrollment, maxBulkItems, type BulkMode } from '../../lib/dps/wire.ts';
import { toBase64 } from '../../lib/base/bytes.ts';
import { attestationToWire } from './attestation-form.ts';
import {
  enrollmentFromWire,
  enrollmentToWire,
  idOf,
  type FormedEnrollment,
  type WireEnrollment,
} from './enrollment-form.ts';
import { serviceFault, type ServiceFault } from './faults.ts';
import type { EnrollmentChange, PageOf, PageSlice, Precondition, Store } from './ports.ts';
import { registrationToWire } from './registration-desk.ts';
import { keyOf, type Enrollment, type EnrollmentKind } from './records.ts';

export type Json = Record<string, unknown>;

export interface BulkError {
  readonly id: string;
  readonly fault: ServiceFault;
}

export interface EnrollmentDesk {
  get(kind: EnrollmentKind, id: string): Promise<Result<Json, ServiceFault>>;
  put(kind: EnrollmentKind, request: PutRequest): Promise<Result<Json, ServiceFault>>;
  remove(kind: EnrollmentKind, id: string, condition: Precondition): Promise<Result<void, ServiceFault>>;
  page(kind: EnrollmentKind, slice: PageSlice): Promise<Result<PageOf<Json>, ServiceFault>>;
  /** What could not be done, by item; the others are done. */
  bulk(
    kind: EnrollmentKind,
    mode: BulkMode,
    items: readonly unknown[],
  ): Promise<Result<readonly BulkError[], ServiceFault>>;
  attestation(kind: EnrollmentKind, id: string): Promise<Result<Json, ServiceFault>>;
}

export interface PutRequest {
  /** Of the address: it decides. */
  readonly id: string;
  readonly body: unknown;
  readonly condition: Precondition;
}

export interface EnrollmentDeskParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export function createEnrollmentDesk(parts: EnrollmentDeskParts): EnrollmentDesk {
  const { store } = parts;
  const known = async (kind: EnrollmentKind, id: string): Promise<Result<Enrollment, ServiceFault>> => {
    const found = await store.enrollment(kind, keyOf(id));
    if (!found.ok) return found;
    return found.value === undefined
      ? failed(serviceFault('not-found', { what: `The enrollment ${id}` }))
      : ok(found.value);
  };
  /** An individual shows how its registration stands. */
  const shown = async (enrollment: Enrollment, keys: 'hidden' | 'shown'): Promise<Result<Json, ServiceFault>> => {
    const json = enrollmentToWire(enrollment, keys);
    if (enrollment.kind === 'group') return ok(json);
    const registration = await store.registration(enrollment.key);
    if (!registration.ok) return registration;
    return ok(
      registration.value === undefined ? json : { ...json, registrationState: registrationToWire(registration.value) },
    );
  };
  return {
    async get(kind, id) {
      const enrollment = await known(kind, id);
      return enrollment.ok ? shown(enrollment.value, 'hidden') : enrollment;
    },
    async put(kind, request) {
      const formed = formOf(parts, kind, request.body, request.id);
      if (!formed.ok) return formed;
      const change = { change: 'put', ...formed.value, if: request.condition } as const;
      const done = await changeOne(store, change);
      if (!done.ok) return done;
      return done.value === undefined
        ? failed(serviceFault('not-found', { what: request.id }))
        : shown(done.value, 'shown');
    },
    async remove(kind, id, condition) {
      const done = await changeOne(store, { change: 'delete', kind, key: keyOf(id), if: condition });
      return done.ok ? ok() : done;
    },
    async page(kind, slice) {
      const page = await store.enrollments(kind, slice);
      if (!page.ok) return page;
      const items: Json[] = [];
      for (const enrollment of page.value.items) {
        const item = await shown(enrollment, 'hidden');
        if (!item.ok) return item;
        items.push(item.value);
      }
      return ok({ items, after: page.value.after });
    },
    bulk: (kind, mode, items) => changeMany(parts, { kind, mode, items }),
    async attestation(kind, id) {
      const enrollment = await known(kind, id);
      return enrollment.ok ? ok(attestationToWire(enrollment.value, 'revealed')) : enrollment;
    },
  };
}

async function changeOne(
  store: Store,
  change: EnrollmentChange,
): Promise<Result<Enrollment | undefined, ServiceFault>> {
  const done = await store.changeEnrollments([change]);
  if (!done.ok) return done;
  const [outcome] = done.value;
  if (outcome === undefined) throw new Error('one change has one outcome');
  return outcome;
}

// dps-wire 6.
const freshKeyBytes = 64;

/** The body under the schema, with the address's id where the body names none. */
function formOf(
  parts: EnrollmentDeskParts,
  kind: EnrollmentKind,
  body: unknown,
  id: string | undefined,
): Result<FormedEnrollment, ServiceFault> {
  const wire = wireOf(kind, body, id);
  if (!wire.ok) return wire;
  if (id !== undefined && keyOf(idOf(kind, wire.value)) !== keyOf(id)) {
    return failed(serviceFault('invalid', { reason: 'The id of the body differs from the address.' }));
  }
  return enrollmentFromWire(kind, wire.value, {
    nowMs: parts.clock.nowMs(),
    etag: parts.random.uuid(),
    freshKey: () => toBase64(parts.random.bytes(freshKeyBytes)),
  });
}

function wireOf(kind: EnrollmentKind, body: unknown, id: string | undefined): Result<WireEnrollment, ServiceFault> {
  const schema = kind === 'group' ? enrollmentGroup : individualEnrollment;
  const idMember = kind === 'group' ? 'enrollmentGroupId' : 'registrationId';
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  const withId = isObject && id !== undefined ? { [idMember]: id, ...body } : body;
  const wire = schema.safeParse(withId);
  if (wire.success) return ok(wire.data);
  const at = wire.error.issues[0]?.path.join('.') ?? '';
  return failed(serviceFault('invalid', { reason: `The enrollment is not valid${at === '' ? '' : ` at ${at}`}.` }));
}

interface BulkRequest {
  readonly kind: EnrollmentKind;
  readonly mode: BulkMode;
  readonly items: readonly unknown[];
}

/** One commit for the lot; each item by itself succeeds or not (dps-wire 7.5). */
async function changeMany(
  parts: EnrollmentDeskParts,
  request: BulkRequest,
): Promise<Result<readonly BulkError[], ServiceFault>> {
  const { items } = request;
  if (items.length > maxBulkItems || items.length === 0) {
    return failed(serviceFault('invalid', { reason: `One call takes 1 to ${maxBulkItems} enrollments.` }));
  }
  const errors: BulkError[] = [];
  const changes: { readonly id: string; readonly change: EnrollmentChange }[] = [];
  for (const item of items) {
    const change = changeOf(parts, request, item);
    if (change.ok) changes.push(change.value);
    else errors.push({ id: textId(request.kind, item), fault: change.fault });
  }
  const done = await parts.store.changeEnrollments(changes.map((one) => one.change));
  if (!done.ok) return done;
  done.value.forEach((outcome, at) => {
    if (!outcome.ok) errors.push({ id: changes[at]?.id ?? '', fault: outcome.fault });
  });
  return ok(errors);
}

function changeOf(
  parts: EnrollmentDeskParts,
  request: BulkRequest,
  item: unknown,
): Result<{ readonly id: string; readonly change: EnrollmentChange }, ServiceFault> {
  const { kind, mode } = request;
  const id = textId(kind, item);
  if (mode === 'delete') {
    if (id === '') return failed(serviceFault('invalid', { reason: 'The id is missing.' }));
    return ok({ id, change: { change: 'delete', kind, key: keyOf(id), if: { is: 'present' } } });
  }
  const formed = formOf(parts, kind, item, undefined);
  if (!formed.ok) return formed;
  return ok({ id, change: { change: 'put', ...formed.value, if: bulkCondition(mode, item) } });
}

function bulkCondition(mode: Exclude<BulkMode, 'delete'>, item: unknown): Precondition {
  if (mode === 'create') return { is: 'absent' };
  return mode === 'update' ? { is: 'present' } : preconditionOf(textMember(item, 'etag'));
}

/** dps-wire 7.6: quoted, unquoted and `*` are all taken; without one, whatever is there is replaced. */
export function preconditionOf(ifMatch: string | undefined): Precondition {
  const etag =
    ifMatch
      ?.trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1') ?? '';
  if (etag === '') return { is: 'none' };
  return etag === '*' ? { is: 'present' } : { is: 'etag', etag };
}

function textId(kind: EnrollmentKind, item: unknown): string {
  return textMember(item, kind === 'group' ? 'enrollmentGroupId' : 'registrationId') ?? '';
}

function textMember(item: unknown, name: string): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const value = (item as Json)[name];
  return typeof value === 'string' ? value : undefined;
}
