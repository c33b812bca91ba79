/** Our admin API under /benchline/v1/, under the ServiceConfig right. */
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { isoTime } from '../../lib/base/host.ts';
import { allocationView, linkedHubRequest, type RegistrationRow } from '../../lib/dps/control-client.ts';
import { wireTime } from '../../lib/dps/wire.ts';
import type { WebReply, WebRequest } from '../../lib/listen/https-server.ts';
import type { ErrorParts } from '../core/error-body.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { HubDesk } from '../core/hub-desk.ts';
import type { AccessRight, Registration } from '../core/records.ts';
import type { RegistrationDesk } from '../core/registration-desk.ts';
import { route, type Route } from './routes.ts';
import { afterOf, continuationOf, emptyReply, guarded, jsonReply } from './service-api.ts';

export interface ControlApiParts extends ErrorParts {
  readonly hubs: HubDesk;
  readonly registrations: RegistrationDesk;
  allowed(request: WebRequest, right: AccessRight): Result<void, ServiceFault>;
}

const root = '/benchline/v1';
const maxPage = 1_000;

export function controlRoutes(parts: ControlApiParts): readonly Route[] {
  const { hubs, registrations } = parts;
  const open = (method: string, path: string, handle: Parameters<typeof guarded>[2]): Route =>
    route(method, root + path, guarded(parts, 'ServiceConfig', handle));
  const json = <T>(result: Result<T, ServiceFault>): Result<WebReply, ServiceFault> =>
    result.ok ? ok(jsonReply(result.value)) : result;
  const done = (result: Result<void, ServiceFault>): Result<WebReply, ServiceFault> =>
    result.ok ? ok(emptyReply) : result;
  return [
    open('GET', '/counts', async () => json(await hubs.counts())),
    open('GET', '/linkedHubs', async () => json(await hubs.list())),
    open('PUT', '/linkedHubs', async (routed) => {
      const request = linkedHubRequest.safeParse(routed.json);
      if (!request.success) return invalid('The body does not say which hub to link, and how.');
      return json(await hubs.link(request.data));
    }),
    open('DELETE', '/linkedHubs/*', async ({ names }) => done(await hubs.unlink(names[0] ?? ''))),
    open('GET', '/linkedHubs/*/devices', async ({ names }) => json(await hubs.devices(names[0] ?? ''))),
    open('GET', '/allocationPolicy', async () => {
      const policy = await hubs.policy();
      return policy.ok ? ok(jsonReply({ policy: policy.value })) : policy;
    }),
    open('PUT', '/allocationPolicy', async (routed) => {
      const request = allocationView.safeParse(routed.json);
      if (!request.success) return invalid('The allocation policy is hashed or static.');
      return done(await hubs.setPolicy(request.data.policy));
    }),
    open('GET', '/registrations', async ({ request }) => {
      const top = Number(request.query.get('top') ?? maxPage);
      if (!Number.isInteger(top) || top < 1) return invalid('top is not a number of items.');
      const after = afterOf(request.query.get('continuation'));
      const page = await registrations.page({ after, limit: Math.min(top, maxPage) });
      return page.ok ? ok(jsonReply(page.value.items.map(rowOf), continuationOf(page.value.after))) : page;
    }),
  ];
}

function rowOf(registration: Registration): RegistrationRow {
  return {
    registrationId: registration.id,
    status: registration.status,
    assignedHub: registration.assignedHub ?? null,
    deviceId: registration.deviceId ?? null,
    substatus: registration.substatus ?? null,
    errorCode: registration.errorCode ?? null,
    errorMessage: registration.errorMessage ?? null,
    lastUpdatedDateTimeUtc: wireTime(isoTime(registration.updatedMs)),
  };
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}
