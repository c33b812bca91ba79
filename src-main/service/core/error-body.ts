/** The core's refusals in the words of every wire: one number and one JSON body (dps-wire 1.9). */
import type { Clock } from '../../lib/base/clock.ts';
import { isoTime } from '../../lib/base/host.ts';
import type { Random } from '../../lib/base/random.ts';
import { wireTime } from '../../lib/dps/wire.ts';
import type { ServiceFault, ServiceFaultCode } from './faults.ts';

/** `errorCode / 1000` is the status; 401002 and 404201 are the real service's, the others in its style. */
export const errorCodes = {
  unauthorized: 401_002,
  'not-allowed': 401_003,
  invalid: 400_001,
  'not-found': 404_201,
  exists: 409_201,
  'in-use': 409_202,
  'etag-mismatch': 412_001,
  'custom-without-definition': 400_004,
  'hub-refused': 400_211,
  'signer-unusable': 500_002,
  'signer-file-broken': 500_003,
  throttled: 429_001,
  'store-failed': 503_001,
} satisfies Record<ServiceFaultCode, number>;

/** What was answered to a call that the desk has not told of itself. */
export interface RefusedCall {
  readonly trackingId: string;
  readonly errorCode: number;
  readonly reason: string;
}

export interface CallLog {
  call(refused: RefusedCall): void;
}

export interface ErrorParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Where support finds a refusal by its tracking id. */
  readonly calls?: CallLog | undefined;
}

export interface ErrorBody {
  /** As HTTP counts: the other wires use the same numbers. */
  readonly status: number;
  readonly errorCode: number;
  readonly trackingId: string;
  /** dps-wire 1.9. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Whole seconds until the next try, for the wire's own `retry-after`; with a throttled caller. */
  readonly retryAfterS?: number;
}

export function errorBodyOf(parts: ErrorParts, fault: ServiceFault): ErrorBody {
  const { retryAfterS, trackingId } = fault.detail ?? {};
  const errorCode = errorCodes[fault.code];
  const body =
    typeof trackingId === 'string'
      ? bodyOf(parts, { trackingId, errorCode, reason: spoken(fault) })
      : told(parts, { errorCode, reason: fault.say, message: spoken(fault) });
  return typeof retryAfterS === 'number' ? { ...body, retryAfterS } : body;
}

export function errorBody(parts: ErrorParts, errorCode: number, message: string): ErrorBody {
  return told(parts, { errorCode, reason: message, message });
}

/** A bug of ours, or what we have not foreseen: it is in the log by its name. */
export function internalError(parts: ErrorParts): ErrorBody {
  return errorBody(parts, internal.code, internal.message);
}

export const internal = { code: 500_001, message: 'Internal error.' } as const;

export function statusOf(code: ServiceFaultCode): number {
  return Math.floor(errorCodes[code] / 1_000);
}

/** Whether the same may be right a moment later (dps-wire 1.9). */
export function isTransient(status: number): boolean {
  return status === 429 || status >= 500;
}

/** What is told outside: nothing of this machine's folders. The log has it whole. */
export function spoken({ code, say }: ServiceFault): string {
  if (code === 'store-failed') return 'The service cannot keep its records.';
  return code === 'signer-file-broken' ? 'A signer of the service cannot be read.' : say;
}

function told(
  parts: ErrorParts,
  { message, ...facts }: Omit<RefusedCall, 'trackingId'> & { readonly message: string },
): ErrorBody {
  const trackingId = parts.random.uuid();
  parts.calls?.call({ trackingId, ...facts });
  return bodyOf(parts, { ...facts, trackingId, reason: message });
}

function bodyOf(parts: ErrorParts, { trackingId, errorCode, reason }: RefusedCall): ErrorBody {
  const timestampUtc = wireTime(isoTime(parts.clock.nowMs()));
  return {
    status: Math.floor(errorCode / 1_000),
    errorCode,
    trackingId,
    json: { errorCode, trackingId, message: reason, timestampUtc },
  };
}
