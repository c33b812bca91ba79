/** Everything the service answers over HTTPS, from one request to one reply. */
import { fromUtf8 } from '../../lib/base/bytes.ts';
import { parseJson } from '../../lib/base/json.ts';
import type { WebRefusal, WebReply, WebRequest } from '../../lib/listen/https-server.ts';
import { internal } from '../core/error-body.ts';
import { caRoutes, type CaApiParts } from './ca-api.ts';
import { controlRoutes, type ControlApiParts } from './control-api.ts';
import { deviceRoutes, type DeviceApiParts } from './device-api.ts';
import { findRoute } from './routes.ts';
import { signerRoutes, type SignerApiParts } from './signer-api.ts';
import { serviceRoutes, type ServiceApiParts } from './service-api.ts';
import { plainError, requestIdHeader } from './wire-error.ts';

export type HttpFrontParts = DeviceApiParts & ServiceApiParts & ControlApiParts & CaApiParts & SignerApiParts;

export interface HttpFront {
  answer(request: WebRequest): Promise<WebReply>;
  refuse(refusal: WebRefusal): WebReply;
}

/** A bulk of ten enrollments with certificate chains is below 200 kB; dps-wire 8.4 allows 96 kB of message. */
export const maxHttpBodyBytes = 512 * 1024;

const refusals = {
  'body-too-large': [413_001, 'The body is too large.'],
  malformed: [400_001, 'The request cannot be read.'],
  internal: [internal.code, internal.message],
} as const satisfies Record<WebRefusal, readonly [number, string]>;

export function createHttpFront(parts: HttpFrontParts): HttpFront {
  // Service paths first: `/registrations/...` would otherwise be read as a scope.
  const routes = [
    ...serviceRoutes(parts),
    ...controlRoutes(parts),
    ...caRoutes(parts),
    ...signerRoutes(parts),
    ...deviceRoutes(parts),
  ];
  const refuse = (refusal: WebRefusal): WebReply => {
    const [code, message] = refusals[refusal];
    return plainError(parts, code, message);
  };
  return {
    refuse,
    async answer(request) {
      const found = findRoute(routes, request);
      if (found.is === 'wrong-method') return plainError(parts, 405_001, 'The method is not allowed here.');
      if (found.is === 'nothing') return plainError(parts, 404_202, 'There is nothing here.');
      // Rule 17: a body that comes with a GET is passed over.
      const json = request.method === 'GET' ? ok : parsedBody(request.body);
      if (json === undefined) return refuse('malformed');
      const reply = await found.route.handle({ request, names: found.names, json: json.value });
      return withRequestId(parts, reply);
    },
  };
}

const ok = { value: undefined };

/** Undefined when it is no JSON. */
function parsedBody(body: Uint8Array): { readonly value: unknown } | undefined {
  const text = fromUtf8(body);
  if (text === undefined) return undefined;
  return text.trim() === '' ? ok : parseJson(text);
}

/** A refusal has one already, its tracking id. */
function withRequestId({ random }: HttpFrontParts, reply: WebReply): WebReply {
  if (requestIdHeader in reply.headers) return reply;
  return { ...reply, headers: { ...reply.headers, [requestIdHeader]: random.uuid() } };
}
