/** CA certificates in our admin API, under the ServiceConfig right (dps-wire 5.4). */
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { caCertificateRequest, caProofRequest } from '../../lib/dps/control-client.ts';
import type { WebReply, WebRequest } from '../../lib/listen/https-server.ts';
import type { CaDesk } from '../core/ca-desk.ts';
import type { ErrorParts } from '../core/error-body.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { AccessRight } from '../core/records.ts';
import { route, type Route } from './routes.ts';
import { emptyReply, guarded, jsonReply } from './service-api.ts';

export interface CaApiParts extends ErrorParts {
  readonly authorities: CaDesk;
  allowed(request: WebRequest, right: AccessRight): Result<void, ServiceFault>;
}

const root = '/benchline/v1/certificates';

export function caRoutes(parts: CaApiParts): readonly Route[] {
  const { authorities } = parts;
  const open = (method: string, path: string, handle: Parameters<typeof guarded>[2]): Route =>
    route(method, root + path, guarded(parts, 'ServiceConfig', handle));
  const json = <T>(result: Result<T, ServiceFault>): Result<WebReply, ServiceFault> =>
    result.ok ? ok(jsonReply(result.value)) : result;
  return [
    open('GET', '', async () => json(await authorities.list())),
    open('PUT', '/*', async ({ names, json: body }) => {
      const request = caCertificateRequest.safeParse(body);
      if (!request.success) return invalid('The body holds no certificate.');
      return json(await authorities.add(names[0] ?? '', request.data));
    }),
    open('POST', '/*/generateVerificationCode', async ({ names }) => json(await authorities.code(names[0] ?? ''))),
    open('POST', '/*/verify', async ({ names, json: body }) => {
      const request = caProofRequest.safeParse(body);
      if (!request.success) return invalid('The body holds no certificate.');
      return json(await authorities.verify(names[0] ?? '', request.data.certificate));
    }),
    open('DELETE', '/*', async ({ names }) => {
      const removed = await authorities.remove(names[0] ?? '');
      return removed.ok ? ok(emptyReply) : removed;
    }),
  ];
}

function invalid(reason: string): Result<never, ServiceFault> {
  return failed(serviceFault('invalid', { reason }));
}
