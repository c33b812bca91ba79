/** The device API (dps-wire 1): register, poll, look up. */
import { ok, type Result } from '../../lib/base/result.ts';
import type { WebReply } from '../../lib/listen/https-server.ts';
import type { DeviceClaim } from '../core/attestation.ts';
import type { ErrorParts } from '../core/error-body.ts';
import type { ServiceFault } from '../core/faults.ts';
import { registrationOf } from '../core/registration-body.ts';
import type { RegistrationDesk } from '../core/registration-desk.ts';
import { route, type Route, type RoutedRequest } from './routes.ts';
import { errorReply, jsonHeaders } from './wire-error.ts';

export interface DeviceApiParts extends ErrorParts {
  readonly registrations: RegistrationDesk;
  /** Whole seconds until a device shall ask again. */
  readonly retryAfterS: number;
}

export function deviceRoutes(parts: DeviceApiParts): readonly Route[] {
  const { registrations } = parts;
  const pollAgain = { ...jsonHeaders, 'retry-after': String(parts.retryAfterS) };
  return [
    route('PUT', '/*/registrations/*/register', async (routed) => {
      const claim = claimOf(routed, routed.json);
      const answer = claim.ok ? await registrations.register(claim.value) : claim;
      if (!answer.ok) return errorReply(parts, answer.fault);
      if (answer.value.is === 'challenge') return challengeReply(answer.value.authenticationKey);
      // Rule 1: 202 exactly.
      const headers = { ...pollAgain, location: routed.request.path };
      return { status: 202, headers, body: JSON.stringify(answer.value.operation.json) };
    }),
    route('GET', '/*/registrations/*/operations/*', async (routed) => {
      // Rule 17: whatever body comes with it is not looked at.
      const claim = claimOf(routed, {});
      const operation = claim.ok ? await registrations.poll(claim.value, routed.names[2] ?? '') : claim;
      if (!operation.ok) return errorReply(parts, operation.fault);
      const { isDone, json } = operation.value;
      return { status: isDone ? 200 : 202, headers: isDone ? jsonHeaders : pollAgain, body: JSON.stringify(json) };
    }),
    route('POST', '/*/registrations/*', async (routed) => {
      const claim = claimOf(routed, routed.json);
      const answer = claim.ok ? await registrations.lookUp(claim.value) : claim;
      if (!answer.ok) return errorReply(parts, answer.fault);
      if (answer.value.is === 'challenge') return challengeReply(answer.value.authenticationKey);
      return { status: 200, headers: jsonHeaders, body: JSON.stringify(answer.value.state) };
    }),
  ];
}

/** Rule 10: with `keyName`, without `status`. */
function challengeReply(authenticationKey: string): WebReply {
  const body = {
    message: 'Authorization required, resend request using supplied key',
    authenticationKey,
    unencryptedAuthenticationKey: null,
    keyName: 'registration',
  };
  return { status: 401, headers: jsonHeaders, body: JSON.stringify(body) };
}

function claimOf(routed: RoutedRequest, json: unknown): Result<DeviceClaim, ServiceFault> {
  const body = registrationOf(json);
  if (!body.ok) return body;
  const { request, names } = routed;
  return ok({
    idScope: names[0] ?? '',
    registrationId: names[1] ?? '',
    body: body.value,
    authorization: request.header('authorization'),
    certificates: request.peer.certificates,
    apiVersion: request.query.get('api-version') ?? undefined,
    source: request.peer.remoteAddress,
  });
}
