/** The core's refusals as HTTP says them. */
import type { WebReply } from '../../lib/listen/https-server.ts';
import { errorBody, errorBodyOf, type ErrorBody, type ErrorParts } from '../core/error-body.ts';
import type { ServiceFault } from '../core/faults.ts';

// Rule 2: without it one client reads no body at all.
export const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' };

export const requestIdHeader = 'x-ms-request-id';

export function errorReply(parts: ErrorParts, fault: ServiceFault): WebReply {
  return replyOf(errorBodyOf(parts, fault));
}

export function plainError(parts: ErrorParts, errorCode: number, message: string): WebReply {
  return replyOf(errorBody(parts, errorCode, message));
}

/** The request id is the tracking id: both lead to one line of the log. */
function replyOf({ status, errorCode, trackingId, json, retryAfterS }: ErrorBody): WebReply {
  const again: Record<string, string> = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
  const named = { [requestIdHeader]: trackingId, 'x-ms-error-code': String(errorCode) };
  const headers = { ...jsonHeaders, ...again, ...named };
  return { status, headers, body: JSON.stringify(json) };
}
