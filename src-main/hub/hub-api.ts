/** Everything a hub answers over HTTPS: its devices by their own proofs, its services by the policy's key. */
import type { Clock } from '../lib/base/clock.ts';
import type { Random } from '../lib/base/random.ts';
import { failed } from '../lib/base/result.ts';
import type { HangUp, WebReply, WebRequest } from '../lib/listen/https-server.ts';
import type { HubAccess } from './access.ts';
import { deviceRoutes, type DeviceApiParts } from './device-api.ts';
import type { Outcome } from './device-changes.ts';
import { faultRoutes, type FaultApiParts } from './fault-api.ts';
import type { Strike } from './fault-switch.ts';
import { hubFault } from './hub-fault.ts';
import { registryRoutes, type RegistryApiParts } from './registry-api.ts';
import { serviceCallRoutes, type ServiceCallParts } from './service-calls-api.ts';
import { replyOf, routed, type Answered, type Route } from './web-answer.ts';

type ServiceParts = RegistryApiParts & ServiceCallParts;

export interface HubApiParts extends ServiceParts, DeviceApiParts, FaultApiParts {
  readonly access: HubAccess;
  readonly clock: Clock;
  readonly random: Random;
}

const serviceRoutes: readonly Route<ServiceParts>[] = [...registryRoutes, ...serviceCallRoutes];

export async function answerHub(parts: HubApiParts, request: WebRequest): Promise<WebReply | HangUp> {
  const isService = parts.access.serviceAllowed(request.header('authorization'), request.path);
  const switched = isService ? routed(faultRoutes, parts, request) : undefined;
  if (switched !== undefined) return replyOf(parts, await switched);
  const strike = await parts.faults.strike();
  if (strike.is === 'down') return 'hang-up';
  return replyOf(parts, struckBy(strike) ?? (await answered(parts, request, isService)));
}

function struckBy(strike: Exclude<Strike, { readonly is: 'down' }>): Outcome<never> | undefined {
  switch (strike.is) {
    case 'none':
      return undefined;
    case 'refusing':
      return failed(hubFault('IotHubUnauthorizedAccess'));
    case 'throttled':
      return failed(hubFault('ThrottlingException', { retryAfterS: strike.retryAfterS }));
  }
}

function answered(parts: HubApiParts, request: WebRequest, isService: boolean): Answered {
  const device = routed(deviceRoutes, parts, request);
  if (device !== undefined) return device;
  // before the address is looked at: a stranger learns nothing of what there is
  if (!isService) return failed(hubFault('IotHubUnauthorizedAccess'));
  return routed(serviceRoutes, parts, request) ?? failed(hubFault('ResourceNotFound'));
}
