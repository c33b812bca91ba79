/** The envelope of everything that crosses a process border. Faults cross as data. */
import { z } from 'zod';
import type { Fault } from '../lib/base/fault.ts';
import { callNames } from './calls.ts';
import { eventNames } from './events.ts';

/** A request or an answer larger than this is refused at the border: the largest view, a page of 200 units, is 120 kB. */
export const maxMessageBytes = 1_048_576;

export const FaultView = z.object({
  code: z.string().max(80),
  say: z.string().max(1_000),
  hint: z.string().max(1_000),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});
export type FaultView = z.infer<typeof FaultView>;

export const Request = z.strictObject({
  kind: z.literal('request'),
  id: z.int().nonnegative(),
  name: z.enum(callNames),
  payload: z.unknown(),
});
export type Request = z.infer<typeof Request>;

export const Response = z.strictObject({
  kind: z.literal('response'),
  id: z.int().nonnegative(),
  result: z.discriminatedUnion('ok', [
    z.strictObject({ ok: z.literal(true), value: z.unknown() }),
    z.strictObject({ ok: z.literal(false), fault: FaultView }),
  ]),
});
export type Response = z.infer<typeof Response>;

export const EventMessage = z.strictObject({
  kind: z.literal('event'),
  name: z.enum(eventNames),
  payload: z.unknown(),
});
export type EventMessage = z.infer<typeof EventMessage>;

/** A fault that came over a border, as the rest of the code knows faults. */
export function faultOf({ detail, ...text }: FaultView): Fault {
  return detail === undefined ? text : { ...text, detail };
}
