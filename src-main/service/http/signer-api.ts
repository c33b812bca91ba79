/** The signers of enrollments in our admin API, under the ServiceConfig right. Their keys go in and never out. */
import { failed, ok, type Result } from '../../lib/base/result.ts';
import { signerRequest } from '../../lib/dps/control-client.ts';
import type { WebRequest } from '../../lib/listen/https-server.ts';
import type { ErrorParts } from '../core/error-body.ts';
import { serviceFault, type ServiceFault } from '../core/faults.ts';
import type { AccessRight, EnrollmentKind } from '../core/records.ts';
import type { SignerDesk } from '../core/signer-desk.ts';
import { route, type Route } from './routes.ts';
import { emptyReply, guarded, jsonReply } from './service-api.ts';

export interface SignerApiParts extends ErrorParts {
  readonly signers: SignerDesk;
  allowed(request: WebRequest, right: AccessRight): Result<void, ServiceFault>;
}

const root = '/benchline/v1/signers';

export function signerRoutes(parts: SignerApiParts): readonly Route[] {
  const { signers } = parts;
  const open = (method: string, path: string, handle: Parameters<typeof guarded>[2]): Route =>
    route(method, root + path, guarded(parts, 'ServiceConfig', handle));
  const ofKind = (kind: EnrollmentKind, path: string): readonly Route[] => [
    open('PUT', path, async ({ names, json }) => {
      const request = signerRequest.safeParse(json);
      // Not a word of what came: it holds a key.
      if (!request.success) return failed(serviceFault('invalid', { reason: 'The body is not a signer.' }));
      const set = await signers.set(kind, names[0] ?? '', request.data);
      return set.ok ? ok(jsonReply(set.value)) : set;
    }),
    open('DELETE', path, async ({ names }) => {
      const removed = await signers.remove(kind, names[0] ?? '');
      return removed.ok ? ok(emptyReply) : removed;
    }),
  ];
  return [
    open('GET', '', async () => ok(jsonReply(signers.list()))),
    ...ofKind('group', '/enrollmentGroups/*'),
    ...ofKind('individual', '/enrollments/*'),
  ];
}
