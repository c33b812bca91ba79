/** The core's refusals as HTTP says them. */
import type { WebReply } from '../../lib/listen/https-server.ts';
import { errorBody, errorBodyOf, type ErrorBody, type ErrorParts } from '../core/error-body.ts';
import type { ServiceFault } from '../core/faults.ts';

// Rule 2: without it one client reads no body at all.
export const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' };

export function errorReply(parts: ErrorParts, fault: ServiceFault): WebReply {
  return replyOf(errorBodyOf(parts, fault));
}

export function plainError(parts: ErrorParts, errorCode: number, message: string): WebReply {
  return replyOf(errorBody(parts, errorCode, message));
}

function replyOf({ status, errorCode, json, retryAfterS }: ErrorBody): WebReply {
  const again: Record<string, string> = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
  const headers = { ...jsonHeaders, ...again, 'x-ms-error-code': String(errorCode) };
  return { status, headers, body: JSON.stringify(json) };
}
