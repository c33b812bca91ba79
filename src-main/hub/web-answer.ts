/** How a hub's HTTPS handlers read what they are asked, and the shapes of what they answer (dps-wire section 10.1). */
import { fromUtf8 } from '../lib/base/bytes.ts';
import type { Clock } from '../lib/base/clock.ts';
import { isoTime } from '../lib/base/host.ts';
import { withoutSlashesAtEnd } from '../lib/base/path.ts';
import { decodedOnce } from '../lib/base/percent.ts';
import type { Random } from '../lib/base/random.ts';
import { failed } from '../lib/base/result.ts';
import type { WebReply, WebRequest } from '../lib/listen/https-server.ts';
import type { Outcome } from './device-changes.ts';
import { errorNumber, httpStatus, hubFault, type HubFault, type HubFaultCode } from './hub-fault.ts';
import { isObject, parseJson, type Json, type JsonObject } from './json.ts';

/** Without a body it is a 204. */
export interface Answer {
  readonly json?: Json;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Answered = Outcome<Answer> | Promise<Outcome<Answer>>;
export type Handler<Parts> = (parts: Parts, request: WebRequest, ids: readonly string[]) => Answered;
export type Route<Parts> = readonly [method: string, path: RegExp, handler: Handler<Parts>];

/** Undefined when none of these routes is meant. */
export function routed<Parts>(
  routes: readonly Route<Parts>[],
  parts: Parts,
  request: WebRequest,
): Answered | undefined {
  // the SDKs ask with and without a slash at the end
  const path = withoutSlashesAtEnd(request.path);
  for (const [method, pattern, handler] of routes) {
    const match = method === request.method ? pattern.exec(path) : null;
    if (match === null) continue;
    const ids = match.slice(1).map((text) => decodedOnce(text));
    return ids.includes(undefined)
      ? invalid('the address is not well encoded')
      : handler(
          parts,
          request,
          ids.filter((id) => id !== undefined),
        );
  }
  return undefined;
}

export function jsonBody(request: WebRequest): Json | undefined {
  const text = fromUtf8(request.body);
  return text === undefined ? undefined : parseJson(text);
}

export function objectBody(request: WebRequest): JsonObject | undefined {
  const json = jsonBody(request);
  return isObject(json) ? json : undefined;
}

export function invalid(reason: string): Outcome<never> {
  return failed(hubFault('ArgumentInvalid', { reason }));
}

export function replyOf(parts: { readonly clock: Clock; readonly random: Random }, answer: Outcome<Answer>): WebReply {
  if (answer.ok) return answerReply(answer.value);
  return faultReply(answer.fault, `${parts.random.uuid()}-TimeStamp:${isoTime(parts.clock.nowMs())}`);
}

function answerReply(answer: Answer): WebReply {
  const headers = answer.headers ?? {};
  if (answer.bytes !== undefined) return { status: 200, headers, body: answer.bytes };
  if (answer.json === undefined) return { status: 204, headers, body: '' };
  return { status: 200, headers: { ...headers, ...jsonType }, body: JSON.stringify(answer.json) };
}

// The Node SDK reads no body without it (dps-wire section 1.6).
const jsonType = { 'content-type': 'application/json; charset=utf-8' };

/** For what the listener refuses before a request is read. */
export function refusalReply(code: HubFaultCode, limit: number): WebReply {
  return faultReply(hubFault(code, { limit, reason: 'it is no HTTP request' }), 'none');
}

/** The shape the SDKs split at `;` and `:` to find the code; newer ones read `errorCode`. */
function faultReply(fault: HubFault, tracking: string): WebReply {
  return {
    status: httpStatus[fault.code],
    headers: { ...jsonType, ...pace(fault), 'iothub-errorcode': fault.code },
    body: JSON.stringify({
      Message: `ErrorCode:${fault.code};${fault.say}`,
      ExceptionMessage: `Tracking ID:${tracking}`,
      errorCode: errorNumber(fault.code),
    }),
  };
}

// Who asks too much of one device is free again as soon as one call ends: a second is soon enough.
const usualPaceS = 1;

function pace({ code, detail }: HubFault): Readonly<Record<string, string>> {
  if (code !== 'ThrottlingException') return {};
  const { retryAfterS = usualPaceS } = detail ?? {};
  return { 'retry-after': String(retryAfterS) };
}
