/** The core's refusals as HTTP says them (dps-wire 1.9). */
import type { Clock } from '../../lib/base/clock.ts';
import { isoTime } from '../../lib/base/host.ts';
import type { Random } from '../../lib/base/random.ts';
import { wireTime } from '../../lib/dps/wire.ts';
import type { WebReply } from '../../lib/listen/https-server.ts';
import type { ServiceFault, ServiceFaultCode } from '../core/faults.ts';

/** `errorCode / 1000` is the status; 401002 and 404201 are the real service's, the others in its style. */
export const errorCodes = {
  unauthorized: 401_002,
  'not-allowed': 401_003,
  invalid: 400_001,
  'not-found': 404_201,
  exists: 409_201,
  'etag-mismatch': 412_001,
  'custom-without-definition': 400_004,
  'hub-refused': 400_211,
  'store-failed': 503_001,
} satisfies Record<ServiceFaultCode, number>;

// Rule 2: without it one client reads no body at all.
export const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' };

export interface ErrorParts {
  readonly clock: Clock;
  readonly random: Random;
}

export function errorReply(parts: ErrorParts, fault: ServiceFault): WebReply {
  return plainError(parts, errorCodes[fault.code], fault.say);
}

export function plainError(parts: ErrorParts, errorCode: number, message: string): WebReply {
  const body = {
    errorCode,
    trackingId: parts.random.uuid(),
    message,
    timestampUtc: wireTime(isoTime(parts.clock.nowMs())),
  };
  return {
    status: Math.floor(errorCode / 1_000),
    headers: { ...jsonHeaders, 'x-ms-error-code': String(errorCode) },
    body: JSON.stringify(body),
  };
}
