/** The core's refusals as AMQP says them (dps-wire 3.3): a condition, the error's JSON, and when to come again. */
import type { AmqpError } from '../../lib/listen/amqp.ts';
import { isTransient, type ErrorBody } from '../core/error-body.ts';

export function amqpErrorOf({ status, json, retryAfterS }: ErrorBody, usualRetryAfterS: number): AmqpError {
  const error = { condition: conditionOf(status), description: JSON.stringify(json) };
  return isTransient(status) ? { ...error, info: retryAfter(retryAfterS ?? usualRetryAfterS) } : error;
}

function conditionOf(status: number): string {
  if (status === 401 || status === 403) return 'amqp:unauthorized-access';
  if (status === 404) return 'amqp:not-found';
  if (status === 429) return 'com.microsoft:device-container-throttled';
  return status >= 500 ? 'amqp:internal-error' : 'amqp:not-allowed';
}

/** Rule 6: one client looks for the one spelling, the others for the other. */
export function retryAfter(seconds: number): Readonly<Record<string, number>> {
  return { 'retry-after': seconds, 'Retry-After': seconds };
}
