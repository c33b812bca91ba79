/** Everything a hub answers over HTTPS: its devices by their own proofs, its services by the policy's key. */
import type { Clock } from '../lib/base/clock.ts';
import type { Random } from '../lib/base/random.ts';
import { failed } from '../lib/base/result.ts';
import type { WebReply, WebRequest } from '../lib/listen/https-server.ts';
import type { HubAccess } from './access.ts';
import { deviceRoutes, type DeviceApiParts } from './device-api.ts';
import { hubFault } from './hub-fault.ts';
import { registryRoutes, type RegistryApiParts } from './registry-api.ts';
import { serviceCallRoutes, type ServiceCallParts } from './service-calls-api.ts';
import { replyOf, routed, type Answered, type Route } from './web-answer.ts';

type ServiceParts = RegistryApiParts & ServiceCallParts;

export interface HubApiParts extends ServiceParts, DeviceApiParts {
  readonly access: HubAccess;
  readonly clock: Clock;
  readonly random: Random;
}

const serviceRoutes: readonly Route<ServiceParts>[] = [...registryRoutes, ...serviceCallRoutes];

export async function answerHub(parts: HubApiParts, request: WebRequest): Promise<WebReply> {
  return replyOf(parts, await answered(parts, request));
}

function answered(parts: HubApiParts, request: WebRequest): Answered {
  const device = routed(deviceRoutes, parts, request);
  if (device !== undefined) return device;
  // before the address is looked at: a stranger learns nothing of what there is
  if (!parts.access.serviceAllowed(request.header('authorization')))
    return failed(hubFault('IotHubUnauthorizedAccess'));
  return routed(serviceRoutes, parts, request) ?? failed(hubFault('ResourceNotFound'));
}
