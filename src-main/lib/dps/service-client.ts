/** The enrollment side of a provisioning service (dps-wire 7): ours or Azure's, the client does not know which. */
import type { z } from 'zod';
import { fromBase64 } from '../base/bytes.ts';
import type { CancelSignal } from '../base/cancel.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { failed, ok, type Result } from '../base/result.ts';
import { hostAndPort, type ConnectionString } from './connection-string.ts';
import { dpsFault } from './faults.ts';
import { createHttpsCaller, type HttpsCall, type HttpsCaller, type HttpsReply, type ServerTime } from './https-call.ts';
import { faultOfReply } from './reply-fault.ts';
import { createSasToken, keySigner } from './sas.ts';
import {
  attestationMechanism,
  bulkResult,
  enrollmentGroup,
  individualEnrollment,
  maxBulkItems,
  registrationState,
  type AttestationMechanism,
  type BulkMode,
  type BulkResult,
  type EnrollmentGroup,
  type IndividualEnrollment,
  type RegistrationState,
} from './wire.ts';

export interface CallOptions {
  /** Only if what the service holds still has this ETag (quoted or not); `*` for whatever it holds. */
  readonly ifMatch?: string | undefined;
  readonly signal?: CancelSignal | undefined;
}

export interface PageRequest {
  readonly query?: string;
  /** The service may give fewer. */
  readonly maxItems?: number;
  /** From the page before. */
  readonly continuation?: string | undefined;
  readonly signal?: CancelSignal | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Absent on the last page. */
  readonly continuation: string | undefined;
}

export interface Enrollments<Item> {
  get(id: string, signal?: CancelSignal): Promise<Result<Item>>;
  put(item: Item, options?: CallOptions): Promise<Result<Item>>;
  delete(id: string, options?: CallOptions): Promise<Result<void>>;
  query(page?: PageRequest): Promise<Result<Page<Item>>>;
  /** At most 10 items; the result names those that were refused. */
  bulk(mode: BulkMode, items: readonly Item[], signal?: CancelSignal): Promise<Result<BulkResult>>;
  /** With the keys that a `get` hides. */
  attestation(id: string, signal?: CancelSignal): Promise<Result<AttestationMechanism>>;
}

export interface ServiceClient {
  readonly enrollments: Enrollments<IndividualEnrollment>;
  readonly groups: Enrollments<EnrollmentGroup>;
  getRegistration(registrationId: string, signal?: CancelSignal): Promise<Result<RegistrationState>>;
  deleteRegistration(registrationId: string, options?: CallOptions): Promise<Result<void>>;
  registrationsOfGroup(groupId: string, page?: PageRequest): Promise<Result<Page<RegistrationState>>>;
  close(): void;
}

export interface ServiceClientOptions {
  readonly connection: ConnectionString;
  /** PEM; the system's roots when left out. */
  readonly caPem?: string | undefined;
  /** As a person would say it. */
  readonly name?: string | undefined;
}

export interface ServiceClientParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly onServerTime?: ((time: ServerTime) => void) | undefined;
  readonly timeoutMs?: number | undefined;
}

const apiVersion = 'api-version=2021-10-01';
// Tokens are made for each call; the life only has to cover the call and the difference of the clocks.
const tokenLifeS = 3_600;

/** Signed calls to one service or hub; shared by the clients of this library and the service's hub client. */
export interface SignedCaller {
  /** A status of 300 or more is a fault. */
  call(call: HttpsCall): Promise<Result<HttpsReply>>;
  readonly peerName: string;
  close(): void;
}

export function createSignedCaller(options: ServiceClientOptions, parts: ServiceClientParts): SignedCaller {
  const { connection, caPem } = options;
  const peerName = options.name ?? `the provisioning service ${hostAndPort(connection)}`;
  const caller: HttpsCaller = createHttpsCaller(
    { name: peerName, host: connection.host, port: connection.port, ...(caPem === undefined ? {} : { caPem }) },
    { clock: parts.clock, onServerTime: parts.onServerTime, timeoutMs: parts.timeoutMs },
  );
  const sign = keySigner(fromBase64(connection.key) ?? new Uint8Array());
  return {
    peerName,
    async call(call) {
      const expiresAtS = Math.floor(parts.clock.nowMs() / 1_000) + tokenLifeS;
      const token = await createSasToken({ resource: connection.host, expiresAtS, keyName: connection.keyName }, sign);
      if (!token.ok) return token;
      const headers = { 'request-id': parts.random.uuid(), ...call.headers, authorization: token.value };
      const reply = await caller.call({ ...call, headers });
      if (!reply.ok || reply.value.status < 300) return reply;
      return failed(faultOfReply(reply.value, peerName, parts.clock));
    },
    close: () => {
      caller.close();
    },
  };
}

export function createServiceClient(options: ServiceClientOptions, parts: ServiceClientParts): ServiceClient {
  const caller = createSignedCaller(options, parts);
  const registrationPath = (id: string): string => `/registrations/${encodeURIComponent(id)}?${apiVersion}`;
  return {
    enrollments: enrollmentsOver(caller, {
      path: '/enrollments',
      member: 'enrollments',
      schema: individualEnrollment,
      idOf: (item) => item.registrationId,
    }),
    groups: enrollmentsOver(caller, {
      path: '/enrollmentGroups',
      member: 'enrollmentGroups',
      schema: enrollmentGroup,
      idOf: (item) => item.enrollmentGroupId,
    }),
    async getRegistration(registrationId, signal) {
      const reply = await caller.call({ method: 'GET', path: registrationPath(registrationId), signal });
      return reply.ok ? parsed(caller, registrationState, reply.value.json) : reply;
    },
    async deleteRegistration(registrationId, call = {}) {
      const path = registrationPath(registrationId);
      return done(await caller.call({ method: 'DELETE', path, headers: ifMatch(call), signal: call.signal }));
    },
    registrationsOfGroup: (groupId, page = {}) =>
      onePage(caller, { path: `/registrations/${encodeURIComponent(groupId)}/query`, schema: registrationState }, page),
    close: () => {
      caller.close();
    },
  };
}

interface EnrollmentKind<Item> {
  readonly path: string;
  readonly member: string;
  readonly schema: z.ZodType<Item>;
  idOf(item: Item): string;
}

function enrollmentsOver<Item>(caller: SignedCaller, kind: EnrollmentKind<Item>): Enrollments<Item> {
  const itemPath = (id: string, rest = ''): string => `${kind.path}/${encodeURIComponent(id)}${rest}?${apiVersion}`;
  return {
    async get(id, signal) {
      const reply = await caller.call({ method: 'GET', path: itemPath(id), signal });
      return reply.ok ? parsed(caller, kind.schema, reply.value.json) : reply;
    },
    async put(item, options = {}) {
      const reply = await caller.call({
        method: 'PUT',
        path: itemPath(kind.idOf(item)),
        headers: ifMatch(options),
        json: item,
        signal: options.signal,
      });
      return reply.ok ? parsed(caller, kind.schema, reply.value.json) : reply;
    },
    async delete(id, options = {}) {
      const headers = ifMatch(options);
      return done(await caller.call({ method: 'DELETE', path: itemPath(id), headers, signal: options.signal }));
    },
    query: (page = {}) => onePage(caller, { path: `${kind.path}/query`, schema: kind.schema }, page),
    async bulk(mode, items, signal) {
      if (items.length > maxBulkItems) {
        return failed(dpsFault('too-many-items', { limit: maxBulkItems, count: items.length }));
      }
      const json = { mode, [kind.member]: items };
      const reply = await caller.call({ method: 'POST', path: `${kind.path}?${apiVersion}`, json, signal });
      return reply.ok ? parsed(caller, bulkResult, reply.value.json) : reply;
    },
    async attestation(id, signal) {
      const path = itemPath(id, '/attestationmechanism');
      const reply = await caller.call({ method: 'POST', path, json: {}, signal });
      return reply.ok ? parsed(caller, attestationMechanism, reply.value.json) : reply;
    },
  };
}

async function onePage<Item>(
  caller: SignedCaller,
  kind: { readonly path: string; readonly schema: z.ZodType<Item> },
  page: PageRequest,
): Promise<Result<Page<Item>>> {
  const reply = await caller.call({
    method: 'POST',
    path: `${kind.path}?${apiVersion}`,
    headers: {
      ...(page.maxItems === undefined ? {} : { 'x-ms-max-item-count': String(page.maxItems) }),
      ...(page.continuation === undefined ? {} : { 'x-ms-continuation': page.continuation }),
    },
    json: { query: page.query ?? 'SELECT *' },
    signal: page.signal,
  });
  if (!reply.ok) return reply;
  const items = parsed(caller, kind.schema.array(), reply.value.json);
  if (!items.ok) return items;
  return ok({ items: items.value, continuation: reply.value.headers['x-ms-continuation'] });
}

function ifMatch(options: CallOptions): Record<string, string> {
  return options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch };
}

function done(reply: Result<HttpsReply>): Result<void> {
  return reply.ok ? ok() : reply;
}

/** The schema's view of a reply; what is not of its shape did not come from such a service. */
export function parsed<T>(caller: SignedCaller, schema: z.ZodType<T>, json: unknown): Result<T> {
  const value = schema.safeParse(json);
  if (value.success) return ok(value.data);
  const at = value.error.issues[0]?.path.join('.') ?? '';
  return failed(
    dpsFault('reply-unreadable', { peer: caller.peerName, reason: `unexpected content at ${at || 'the top'}` }),
  );
}
