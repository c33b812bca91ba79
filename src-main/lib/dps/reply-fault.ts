/** The fault that an error reply stands for (dps-wire 1.9, and 10.1 for a hub). */
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { timeOf } from '../base/host.ts';
import { dpsFault, type DpsFault } from './faults.ts';
import type { HttpsReply } from './https-call.ts';

const errorBody = z.object({
  errorCode: z.number().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  Message: z.string().optional().catch(undefined),
  trackingId: z.string().optional().catch(undefined),
});

// A peer that asks for more than this has lost its mind or its clock; we would rather ask again.
const maxRetryAfterMs = 10 * 60_000;

// Without a word from the peer: the SDKs wait 2 s.
const defaultRetryAfterMs = 2_000;

/** `retry-after` in whole seconds or as a date (RFC 9110 section 10.2.3); undefined when absent or unreadable. */
export function retryAfterOf(reply: HttpsReply, clock: Clock): number | undefined {
  const text = reply.headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : (timeOf(text) ?? Number.NaN) - clock.nowMs();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}

const codeOfStatus: ReadonlyMap<number, DpsFault['code']> = new Map([
  [401, 'call-unauthorized'],
  [403, 'call-unauthorized'],
  [404, 'not-found'],
  [409, 'conflict'],
  [412, 'conflict'],
  [429, 'peer-throttled'],
]);

export function faultOfReply(reply: HttpsReply, peer: string, clock: Clock): DpsFault {
  const { status } = reply;
  const code = codeOfStatus.get(status) ?? (status >= 500 ? 'peer-unavailable' : 'call-refused');
  const waitMs = retryAfterOf(reply, clock) ?? (code === 'peer-throttled' ? defaultRetryAfterMs : undefined);
  return dpsFault(code, {
    peer,
    status,
    ...errorFacts(reply),
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

function errorFacts(reply: HttpsReply): { message: string; errorCode: number; trackingId?: string } {
  const body = errorBody.safeParse(reply.json).data ?? {};
  // Cut: the text comes from outside and goes into a log and onto a screen, there within a sentence that has its own stop.
  const message = (body.message ?? body.Message ?? 'without a reason').slice(0, 500).replace(/\.$/, '');
  const errorCode = body.errorCode ?? reply.status * 1_000;
  return body.trackingId === undefined ? { message, errorCode } : { message, errorCode, trackingId: body.trackingId };
}
