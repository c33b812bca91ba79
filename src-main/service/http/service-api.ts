/** The service API (dps-wire 7): enrollments, groups, registrations. */
import { z } from 'zod';
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { bulkModes } from '../../lib/dps/wire.ts';
import type { WebReply, WebRequest } from '../../lib/listen/https-server.ts';
import { preconditionOf, type EnrollmentDesk } from '../core/enrollment-desk.ts';
import { errorCodes, spoken, type ErrorParts } from '../core/error-body.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { PageOf, PageSlice } from '../core/ports.ts';
import { keyOf, type AccessRight, type EnrollmentKind } from '../core/records.ts';
import { registrationToWire, type RegistrationDesk } from '../core/registration-desk.ts';
import { route, type Handler, type Route, type RoutedRequest } from './routes.ts';
import { errorReply, jsonHeaders } from './wire-error.ts';

export interface ServiceApiParts extends ErrorParts {
  readonly enrollments: EnrollmentDesk;
  readonly registrations: RegistrationDesk;
  allowed(request: WebRequest, right: AccessRight): Result<void, ServiceFault>;
}

const defaultPage = 100;
const maxPage = 1_000;

/** Checks the right before anything is looked at. */
export function guarded(
  parts: Pick<ServiceApiParts, 'allowed' | 'clock' | 'random'>,
  right: AccessRight,
  handle: (routed: RoutedRequest) => Promise<Result<WebReply, ServiceFault>>,
): Handler {
  return async (routed) => {
    const allowed = parts.allowed(routed.request, right);
    const reply = allowed.ok ? await handle(routed) : allowed;
    return reply.ok ? reply.value : errorReply(parts, reply.fault);
  };
}

export function jsonReply(json: unknown, headers: Readonly<Record<string, string>> = {}): WebReply {
  return { status: 200, headers: { ...jsonHeaders, ...headers }, body: JSON.stringify(json) };
}

export const emptyReply: WebReply = { status: 204, headers: {}, body: '' };

export function serviceRoutes(parts: ServiceApiParts): readonly Route[] {
  return [
    ...enrollmentRoutes(parts, 'individual', '/enrollments'),
    ...enrollmentRoutes(parts, 'group', '/enrollmentGroups'),
    ...registrationRoutes(parts),
  ];
}

function enrollmentRoutes(parts: ServiceApiParts, kind: EnrollmentKind, root: string): readonly Route[] {
  const { enrollments } = parts;
  const idOf = (routed: RoutedRequest): string => routed.names[0] ?? '';
  const conditionOf = (routed: RoutedRequest) => preconditionOf(routed.request.header('if-match'));
  const read = (handle: Parameters<typeof guarded>[2]): Handler => guarded(parts, 'EnrollmentRead', handle);
  const write = (handle: Parameters<typeof guarded>[2]): Handler => guarded(parts, 'EnrollmentWrite', handle);
  const json = <T>(result: Result<T, ServiceFault>): Result<WebReply, ServiceFault> =>
    result.ok ? ok(jsonReply(result.value)) : result;
  return [
    // Before the ones with an id: "query" is no id.
    route(
      'POST',
      `${root}/query`,
      read((routed) => queryPage(routed, itemTypes[kind], (slice) => enrollments.page(kind, slice))),
    ),
    route(
      'POST',
      root,
      write((routed) => bulkChange(parts, kind, routed.json)),
    ),
    route(
      'POST',
      `${root}/*/attestationmechanism`,
      read(async (routed) => json(await enrollments.attestation(kind, idOf(routed)))),
    ),
    route(
      'GET',
      `${root}/*`,
      read(async (routed) => json(await enrollments.get(kind, idOf(routed)))),
    ),
    route(
      'PUT',
      `${root}/*`,
      write(async (routed) => {
        const request = { id: idOf(routed), body: routed.json, condition: conditionOf(routed) };
        return json(await enrollments.put(kind, request));
      }),
    ),
    route(
      'DELETE',
      `${root}/*`,
      write(async (routed) => {
        const removed = await enrollments.remove(kind, idOf(routed), conditionOf(routed));
        return removed.ok ? ok(emptyReply) : removed;
      }),
    ),
  ];
}

// dps-wire 7.4: two clients fail without the header, one of them compares it byte by byte.
const itemTypes = { individual: 'Enrollment', group: 'EnrollmentGroup' } as const;

function registrationRoutes(parts: ServiceApiParts): readonly Route[] {
  const { registrations } = parts;
  const idOf = (routed: RoutedRequest): string => routed.names[0] ?? '';
  return [
    route(
      'POST',
      '/registrations/*/query',
      guarded(parts, 'RegistrationStatusRead', (routed) =>
        queryPage(routed, 'DeviceRegistration', async (slice) => {
          const page = await registrations.page({ ...slice, groupKey: keyOf(idOf(routed)) });
          return page.ok ? ok({ items: page.value.items.map(registrationToWire), after: page.value.after }) : page;
        }),
      ),
    ),
    route(
      'GET',
      '/registrations/*',
      guarded(parts, 'RegistrationStatusRead', async (routed) => {
        const registration = await registrations.get(idOf(routed));
        return registration.ok ? ok(jsonReply(registrationToWire(registration.value))) : registration;
      }),
    ),
    route(
      'DELETE',
      '/registrations/*',
      guarded(parts, 'RegistrationStatusWrite', async (routed) => {
        const condition = preconditionOf(routed.request.header('if-match'));
        const removed = await registrations.remove(idOf(routed), condition);
        return removed.ok ? ok(emptyReply) : removed;
      }),
    ),
  ];
}

const bulkRequest = z.object({
  mode: z.preprocess((mode) => (mode === 'updateIfMatchEtag' ? 'updateIfMatchETag' : mode), z.enum(bulkModes)),
  enrollments: z.array(z.unknown()).optional(),
  enrollmentGroups: z.array(z.unknown()).optional(),
});

async function bulkChange(
  parts: ServiceApiParts,
  kind: EnrollmentKind,
  json: unknown,
): Promise<Result<WebReply, ServiceFault>> {
  const request = bulkRequest.safeParse(json);
  const items = kind === 'group' ? request.data?.enrollmentGroups : request.data?.enrollments;
  if (!request.success || items === undefined) return invalid('The body is not a bulk operation.');
  const errors = await parts.enrollments.bulk(kind, request.data.mode, items);
  if (!errors.ok) return errors;
  const idMember = kind === 'group' ? 'enrollmentGroupId' : 'registrationId';
  const shown = errors.value.map(({ id, fault }) => ({
    [idMember]: id,
    errorCode: errorCodes[fault.code],
    errorStatus: spoken(fault),
  }));
  return ok(jsonReply({ isSuccessful: shown.length === 0, errors: shown }));
}

const queryRequest = z.object({ query: z.string().max(4_096) });

/** The path decides the collection; a condition is refused rather than answered wrongly (dps-wire 13 item 13). */
async function queryPage(
  routed: RoutedRequest,
  itemType: string,
  pageOf: (slice: PageSlice) => Promise<Result<PageOf<unknown>, ServiceFault>>,
): Promise<Result<WebReply, ServiceFault>> {
  const query = queryRequest.safeParse(routed.json ?? { query: 'SELECT *' });
  if (!query.success || !/^\s*select\s+\*(\s+from\s+\w+)?\s*;?\s*$/i.test(query.data.query)) {
    return invalid('Only SELECT * [FROM ...] can be answered.');
  }
  const size = Number(routed.request.header('x-ms-max-item-count') ?? defaultPage);
  if (!Number.isInteger(size) || size < 1) return invalid('x-ms-max-item-count is not a number of items.');
  const limit = Math.min(size, maxPage);
  const page = await pageOf({ after: afterOf(routed.request.header('x-ms-continuation')), limit });
  if (!page.ok) return page;
  return ok(
    jsonReply(page.value.items, {
      'x-ms-item-type': itemType,
      'x-ms-max-item-count': String(limit),
      ...continuationOf(page.value.after),
    }),
  );
}

export function afterOf(continuation: string | null | undefined): string | undefined {
  return continuation ? Buffer.from(continuation, 'base64url').toString() : undefined;
}

export function continuationOf(after: string | undefined): Record<string, string> {
  return after === undefined ? {} : { 'x-ms-continuation': Buffer.from(after).toString('base64url') };
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}
